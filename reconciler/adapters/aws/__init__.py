"""AWS over boto3: clients shared per tenant, one attempt per call, errors classed once, calls metered."""

from reconciler.adapters.aws.clients import AwsClients, Tenant
from reconciler.adapters.aws.events_queue import EventsQueue
from reconciler.adapters.aws.sessions import Sessions

__all__ = ["AwsClients", "EventsQueue", "Sessions", "Tenant"]
