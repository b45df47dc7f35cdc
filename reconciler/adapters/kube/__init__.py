"""Kubernetes: raw JSON over the kubernetes package's connections, informers, applies, Events and Leases."""
