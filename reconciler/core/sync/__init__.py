"""What a GitSync says, what a pass of it has to do, and what is reported of it."""
