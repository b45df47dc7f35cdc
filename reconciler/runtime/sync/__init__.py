"""Loop 1, Git to cluster: what wakes a sync, its pass, and what it claims."""
