"""What a schema lets through and a review should not: mistakes that become a status error or a failed job.

The archived operator accepted all of this, so the API server does too (D-11.2); `reconciler validate` says it
before anything is applied. Each finding names the field, and none shows a value that may hold a secret. What is a mistake in
one kind alone is said by its declaration (`Kind.findings`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reconciler.core.aws.partitions import Partitions
from reconciler.core.kind import Kind, Observed
from reconciler.core.schema.problems import Problem
from reconciler.core.values import Json, Spec

__all__ = ["MAX_USER_TAGS", "findings", "foreign_arns", "named", "twice"]

MAX_USER_TAGS = 47
"""SageMaker takes 50; the owner's, the commit's and one more are ours."""


_RESERVED = ("aws:", "sagemaker-gitops.dev/")


def findings(kind: Kind[Observed], spec: Json, partition_of: Partitions) -> tuple[Problem, ...]:
    """Findings about a spec in which `problems` found nothing: what is common to all kinds, then the kind's own."""
    if not isinstance(spec, Mapping):
        return ()
    return (*_common(spec, partition_of), *kind.findings(spec))


def _common(spec: Spec, partition_of: Partitions) -> Iterator[Problem]:
    tags = spec.get("tags") or []
    if len(tags) > MAX_USER_TAGS:
        message = f"at most {MAX_USER_TAGS} tags: SageMaker takes 50, and this controller sets three of its own"
        yield Problem("/spec/tags", "TooManyTags", message)
    yield from twice([tag.get("key") for tag in tags], "/spec/tags", "key", "tag key")
    for index, tag in enumerate(tags):
        if str(tag.get("key", "")).lower().startswith(_RESERVED):
            message = "tag keys that begin like this are AWS's or this controller's own"
            yield Problem(f"/spec/tags/{index}/key", "ReservedTag", message)
    if region := spec.get("region"):
        yield from foreign_arns(partition_of(str(region)).name, spec)


def foreign_arns(partition: str, value: object, at: str = "/spec") -> Iterator[Problem]:
    """ARNs of another partition than the region's: no role is assumed across them."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from foreign_arns(partition, item, f"{at}/{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from foreign_arns(partition, item, f"{at}/{index}")
    elif isinstance(value, str) and value.startswith("arn:") and at.lower().endswith(("arn", "kmskeyid")):
        theirs = value.split(":")[1]
        if theirs.startswith("aws") and theirs != partition:
            message = f"an ARN of the partition {theirs} cannot be used in a region of {partition}"
            yield Problem(at, "PartitionMismatch", message)


def twice(names: Sequence[Json], at: str, member: str, what: str) -> Iterator[Problem]:
    """Of the items of a list at `at`: those whose `member` another one has already."""
    seen: set[Json] = set()
    for index, name in enumerate(names):
        if name is not None and name in seen:
            yield Problem(f"{at}/{index}/{member}", "Duplicate", f'the {what} "{name}" is given twice')
        seen.add(name)


def named(spec: Spec, key: str, member: str) -> list[Json]:
    """One member of each item of a list in the spec."""
    return [item.get(member) for item in spec.get(key) or []]
