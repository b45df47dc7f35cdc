"""What a pass sees of a HostingDeployment in SageMaker: its endpoint, the parts that it serves from, what scales it."""
