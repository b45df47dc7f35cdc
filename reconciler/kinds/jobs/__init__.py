"""The one life that all job kinds share."""
