"""AWS over boto3: clients shared per tenant, one attempt per call, errors classed once, calls metered."""

from reconciler.adapters.aws.clients import Aws, Tenant

__all__ = ["Aws", "Tenant"]
