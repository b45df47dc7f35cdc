"""AWS over boto3: clients shared per tenant, one attempt per call, errors classed once, calls metered."""

from reconciler.adapters.aws.clients import Aws, Tenant
from reconciler.adapters.aws.partitions import load_partitions

__all__ = ["Aws", "Tenant", "load_partitions"]
