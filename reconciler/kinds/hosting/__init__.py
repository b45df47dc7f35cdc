"""The life of a HostingDeployment, a step per module; `decide` and `observe` are its two ends."""
