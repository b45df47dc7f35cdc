"""What is known of AWS without asking it: its things, its events, its partitions."""
