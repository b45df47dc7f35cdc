"""How objects in SageMaker are listed, described and recognised as moved (SM-60, SM-67)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from reconciler.core.errors import TransientError
from reconciler.core.values import Answer, Json, JsonObject, Params

__all__ = ["JOB_OVER", "RemoteKey", "RemoteKind", "RemoteKinds", "ScalingKind", "listed", "remote_key", "whole"]

JOB_OVER = frozenset({"Completed", "Failed", "Stopped"})
"""Statuses in which a job stays."""


@dataclass(frozen=True)
class RemoteKind:
    """A sort of object in AWS. Each is declared by the kind that makes it (`kinds/`); `RemoteKinds` is all of them."""

    name: str
    """SageMaker's own word; operations are built from it."""
    list_key: str
    """Member of the List answer that holds the summaries."""
    status_key: str = ""
    """Empty for what has no life cycle."""
    over: frozenset[str] = frozenset()
    """Statuses that never change again."""
    arn_type: str = ""
    """The word in its ARNs; empty for what the tagging API is not asked about."""
    moved_by: tuple[str, ...] = ()
    """Members, in summary and description alike, that change whenever something worth a Describe happened."""

    @property
    def name_key(self) -> str:
        """Member of requests and answers that holds the name."""
        return f"{self.name}Name"

    @property
    def arn_key(self) -> str:
        """Member of answers that holds the ARN."""
        return f"{self.name}Arn"

    @property
    def describe(self) -> str:
        """Name of the operation."""
        return f"Describe{self.name}"

    @property
    def list(self) -> str:
        """Name of the operation; a resource with an irregular plural is a subclass."""
        return f"List{self.name}s"

    @property
    def page(self) -> Params:
        """Parameters of a sweep: the largest page, newest first."""
        return {"MaxResults": 100, "SortBy": "CreationTime", "SortOrder": "Descending"}

    def mark(self, found: Answer) -> tuple[Json, ...]:
        """Equal for a summary and a description that tell of the same state."""
        return tuple(found.get(member) for member in (*self.moved_by, "CreationTime"))

    def named(self, found: Answer) -> str:
        """Its name, from a summary or a description."""
        return str(found[self.name_key])

    def asks(self, name: str) -> Params:
        """Parameters of a Describe."""
        return {self.name_key: name}

    def answered(self, name: str, answer: Answer) -> JsonObject | None:
        """The object in the answer to a Describe. Raises TransientError for garbage."""
        del name
        needed = (self.arn_key, "CreationTime", *((self.status_key,) if self.status_key else ()))
        return whole(self.describe, answer, needed)

    def summaries(self, answer: Answer) -> Sequence[JsonObject]:
        """What a page of the List shows. Raises TransientError for garbage."""
        return listed(self.list, answer, self.list_key, self._named_by())

    def _named_by(self) -> tuple[str, ...]:
        """Members that every summary has."""
        return (self.name_key, "CreationTime")

    def touches(self, params: Params, name: str) -> bool:
        """Whether a call with these parameters may have changed the object of that name."""
        return params.get(self.name_key) == name


@dataclass(frozen=True)
class ScalingKind(RemoteKind):
    """An object of Application Auto Scaling: one operation lists and describes, in no order.

    Names are our own: what identifies the object, joined. Its List shows it whole, so an absent name is in no answer.
    """

    named_by: tuple[str, ...] = ("ResourceId", "ScalableDimension")
    page_size: int = 50
    """The most that one page takes."""

    @property
    def describe(self) -> str:
        return f"Describe{self.list_key}"

    @property
    def list(self) -> str:
        return self.describe

    @property
    def page(self) -> Params:
        return {"ServiceNamespace": "sagemaker", "MaxResults": self.page_size}

    def named(self, found: Answer) -> str:
        return "|".join(str(found[member]) for member in self.named_by)

    def asks(self, name: str) -> Params:
        resource, dimension, *policy = name.split("|", 2)
        asked: dict[str, object] = {"ServiceNamespace": "sagemaker", "ScalableDimension": dimension}
        return asked | ({"ResourceId": resource, "PolicyNames": policy} if policy else {"ResourceIds": [resource]})

    def answered(self, name: str, answer: Answer) -> JsonObject | None:
        return next((found for found in self.summaries(answer) if self.named(found) == name), None)

    def _named_by(self) -> tuple[str, ...]:
        return (*self.named_by, "CreationTime")

    def touches(self, params: Params, name: str) -> bool:
        """A target's policies go with it, so whatever is said of the target is about them too."""
        said = f"{params.get('ResourceId')}|{params.get('ScalableDimension')}"
        return name == said or name.startswith(f"{said}|")


def listed(operation: str, answer: Answer, key: str, needed: Iterable[str] = ()) -> list[JsonObject]:
    """The entries of a page. Raises TransientError where it is no page, or one entry is none: half a list proves nothing."""
    found, needed = answer.get(key), tuple(needed)
    if not isinstance(found, list):
        raise TransientError(f"{operation}: an answer without {key}")
    return [whole(operation, one, needed) for one in found]


def whole(operation: str, found: Json, needed: Iterable[str]) -> JsonObject:
    """What was found, with all members that are needed. Raises TransientError for garbage."""
    if not isinstance(found, Mapping):
        raise TransientError(f"{operation}: an answer with {found!r:.20} in place of an object")
    if missing := next((member for member in needed if found.get(member) is None), ""):
        raise TransientError(f"{operation}: an answer without {missing}")
    return found


class RemoteKey(NamedTuple):
    """Which object in SageMaker an ARN names. ARNs carry names in lower case, whatever case they were given in."""

    remote: str
    name: str


def remote_key(remote: str, name: str) -> RemoteKey:
    """With the name in lower case: ARNs carry it so, whatever case it was given in."""
    return RemoteKey(remote, name.lower())


class RemoteKinds(Mapping[str, RemoteKind]):
    """Remote kinds by name. Raises ValueError where two of a name, or of a word in ARNs, are not the same."""

    def __init__(self, kinds: Iterable[RemoteKind]) -> None:
        self._by_name: dict[str, RemoteKind] = {}
        self._by_arn_type: dict[str, RemoteKind] = {}
        for kind in kinds:
            known = (self._by_name.setdefault(kind.name, kind), self._by_arn_type.setdefault(kind.arn_type, kind))
            if known[0] != kind or (kind.arn_type and known[1] != kind):
                raise ValueError(f"{kind.name} is declared twice, and differently")

    def __getitem__(self, name: str) -> RemoteKind:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def named_by(self, arn: str) -> RemoteKey | None:
        """None for what is none of SageMaker's that we know."""
        parts = arn.split(":", 5)
        kind, _, name = parts[-1].partition("/")
        remote = self._by_arn_type.get(kind) if kind else None
        if len(parts) < 6 or parts[2] != "sagemaker" or remote is None or not name:
            return None
        return remote_key(remote.name, name)
