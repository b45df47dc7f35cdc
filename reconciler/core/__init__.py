"""Vocabulary and pure rules. Nothing here performs I/O, reads a clock or starts a thread."""
