"""Where the world is not as it should be, in Git and in SageMaker, and what may be done about it."""
