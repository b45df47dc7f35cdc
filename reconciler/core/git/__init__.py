"""Git as far as rules go: what may be asked of it, what a forge says, and what is known of things that came from it."""
