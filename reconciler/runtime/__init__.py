"""The shell around the pure rules: it asks the ports, follows the decisions and keeps the time."""
