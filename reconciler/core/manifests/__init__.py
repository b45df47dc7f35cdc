"""Files of a commit to manifests, hostile until proven."""
