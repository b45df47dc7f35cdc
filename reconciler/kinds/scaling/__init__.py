"""The life of a HostingAutoscalingPolicy."""
