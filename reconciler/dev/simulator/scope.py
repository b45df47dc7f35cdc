"""Where a resource lives: account and region, and the ARNs that follow from them."""

from dataclasses import dataclass
from functools import cached_property

_PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}


@dataclass(frozen=True)
class Scope:
    account: str
    region: str

    @cached_property
    def partition(self) -> str:
        return next((name for prefix, name in _PARTITIONS.items() if self.region.startswith(prefix)), "aws")

    def arn(self, kind: str, name: str) -> str:
        """The service lower-cases the name in ARNs, and only there (SM-4)."""
        return f"arn:{self.partition}:sagemaker:{self.region}:{self.account}:{kind}/{name.lower()}"
