"""What happened, recorded in Git: lines wait in an outbox and become git notes, which are read again after a loss."""
