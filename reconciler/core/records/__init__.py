"""What we keep for ourselves in status, typed: each record reads, writes and describes itself, and has its one home here."""
