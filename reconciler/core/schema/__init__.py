"""What a kind declares of its resource, and what follows from that: CRD, shape, verdict on a manifest."""
