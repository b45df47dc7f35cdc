"""The way back to Git: lines wait in an outbox and become git notes, which are read again after a loss."""
