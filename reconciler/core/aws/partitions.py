"""What differs between AWS partitions in texts we write: DNS suffixes, console hosts, the URLs made of them.

Which region is in which partition is botocore's to say (`adapters/partitions`); it comes in as a value, so that a region
opened tomorrow costs a dependency bump.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
    "aws-iso": "console.c2shome.ic.gov",
    "aws-iso-b": "console.sc2shome.sgov.gov",
    "aws-eusc": "console.amazonaws-eusc.eu",
}
"""The one value of a partition that botocore does not know, since it calls no console."""


@dataclass(frozen=True)
class Partition:
    """A group of regions that share names and hosts of their own: `aws`, `aws-cn`, `aws-us-gov`."""

    name: str = "aws"
    suffixes: tuple[str, ...] = ("amazonaws.com", "api.aws")
    """DNS suffixes of its service hosts, the plain one first."""

    @property
    def console(self) -> str:
        """Empty when unknown: no link is better than one into another partition."""
        return _CONSOLES.get(self.name, "")


Partitions = Callable[[str], Partition]
"""The partition of a region."""


def commercial(region: str) -> Partition:
    """For callers that have no data: every region is in the first partition."""
    del region
    return Partition()


def log_url(partition: Partition, region: str, group: str, stream_prefix: str) -> str:
    """The CloudWatch console's page of a log group, filtered by the start of a stream's name; empty where the partition has no console."""
    if not partition.console:
        return ""
    return (
        f"https://{region}.{partition.console}/cloudwatch/home?region={region}"
        f"#logStream:group={group};prefix={stream_prefix};streamFilter=typeLogStreamPrefix"
    )


def invocation_url(partition: Partition, region: str, endpoint: str) -> str:
    """The URL that answers requests to an endpoint."""
    return f"https://runtime.sagemaker.{region}.{partition.suffixes[0]}/endpoints/{endpoint}/invocations"
