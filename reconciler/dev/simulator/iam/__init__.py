"""What callers may do: an IAM policy (`policy.py`), what each call needs (`rights.py`), and the refusal (`enforcer.py`)."""

from reconciler.dev.simulator.iam.enforcer import IamEnforcer
from reconciler.dev.simulator.iam.policy import AccessRequest, IamPolicy

__all__ = ["AccessRequest", "IamEnforcer", "IamPolicy"]
