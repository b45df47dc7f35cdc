"""Where the world is not as it should be, on both planes, and what may be done about it."""
