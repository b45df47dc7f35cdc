"""What is known of AWS without asking it: its objects, its events, its partitions."""
