"""What passes between a forge and us: deliveries of webhooks in, commit statuses out."""
