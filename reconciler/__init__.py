"""sagemaker-gitops: Git -> Kubernetes custom resources -> Amazon SageMaker, and the results back again."""

__version__ = "0.1.0"
