"""The record on the commit: what a git note says of us, and what notes say of the past."""
