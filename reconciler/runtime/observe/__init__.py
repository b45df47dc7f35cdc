"""How SageMaker is seen: in bulk, page by page, and by events as hints."""
