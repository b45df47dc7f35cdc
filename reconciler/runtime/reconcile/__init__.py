"""Loop 2, cluster to SageMaker: what wakes an object, its pass, and who carries a decision out."""
