"""A record, put in order: whose calls, what each remote object holds and to whom it belongs, what Git and people wanted when."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from tests.walk.record import Call, Head, Line, Name, Record, Seen

PREFIX = "sagemaker-gitops.dev/"
OWNER = f"{PREFIX}owner"
T = TypeVar("T", Head, Seen)
LATE_S = 2.0
"""A look of the recorder may be late by so much, on a busy machine."""


class Content(NamedTuple):
    """What an endpoint serves: sorted (image, instance type), as both a manifest and the calls say it."""

    images: tuple[str, ...]
    types: tuple[str, ...]


class Books:
    def __init__(self, record: Record) -> None:
        self.record = record
        self.ours = [call for call in record.calls if call.caller in record.clusters]
        """Calls of the services under audit, whatever became of them."""
        self.lines = list(_once(record.lines))
        self.seen: dict[Name, list[Seen]] = defaultdict(list)
        for one in record.seen:
            self.seen[one.of].append(one)
        self.owner: dict[str, Name] = {}
        """Of what was made with an owner tag, by its name in SageMaker."""
        self.configs: dict[str, Mapping[str, Any]] = {}
        self.models: dict[str, tuple[str, ...]] = {}
        for call in record.calls:
            if call.effect:
                self._note(call)

    def namespace(self, call: Call) -> str:
        """The namespace of the cluster whose service called."""
        return self.record.clusters[call.caller][1]

    def content(self, config: str) -> Content | None:
        """What a configuration holds; None where its making was not seen."""
        made = self.configs.get(config)
        if made is None:
            return None
        variants = made.get("ProductionVariants") or ()
        images = [image for one in variants for image in self.models.get(one.get("ModelName", ""), ("?",))]
        return Content(tuple(sorted(images)), tuple(sorted(one.get("InstanceType", "") for one in variants)))

    def heads_between(self, since: float, until: float) -> Iterator[Head]:
        """What the branch said at any moment of that time."""
        return _between(self.record.heads, since, until)

    def seen_between(self, name: Name, since: float, until: float) -> Iterator[Seen]:
        """What the API server said of an object at any moment of that time."""
        return _between(self.seen.get(name, []), since, until)

    def annotations(self, name: Name, key: str, until: float = float("inf")) -> set[str]:
        """The values that an annotation of ours had on an object, in the cluster or in Git."""
        bodies = [one.body for one in self.seen.get(name, []) if one.at <= until + LATE_S]
        bodies += [body for head in self.record.heads for _, body in head.manifests if is_of(body, name)]
        said = ((body.get("metadata") or {}).get("annotations") or {} for body in bodies)
        return {str(value[PREFIX + key]) for value in said if PREFIX + key in value}

    def of(self, event: str, name: Name | None = None) -> list[Line]:
        """The lines of that event, once each; about one object if wanted."""
        return [
            line for line in self.lines if line.said.get("event") == event and (name is None or about(line) == name)
        ]

    def _note(self, call: Call) -> None:
        given = call.input
        if tag := tags(given).get(OWNER):
            parts = tag.split("/")
            if len(parts) == 4:
                self.owner[call.key] = Name(parts[2], parts[1], parts[3])
        match call.op:
            case "CreateEndpointConfig":
                self.configs[call.key] = given
            case "CreateModel":
                containers = given.get("Containers") or [given.get("PrimaryContainer") or {}]
                self.models[call.key] = tuple(one.get("Image", "") for one in containers)


def tags(given: Mapping[str, Any]) -> dict[str, str]:
    """Of a call's parameters."""
    found = given.get("Tags") or ()
    return dict(found) if isinstance(found, Mapping) else {one["Key"]: one["Value"] for one in found}


def about(line: Line) -> Name:
    return Name(line.said.get("kind", ""), line.said.get("namespace", ""), line.said.get("name", ""))


def is_of(manifest: Mapping[str, Any], name: Name) -> bool:
    """Whether a manifest of Git is that object's; every cluster follows the same files."""
    return manifest.get("kind") == name.kind and (manifest.get("metadata") or {}).get("name") == name.name


def hosted(spec: Mapping[str, Any]) -> Content | None:
    """The content that the spec of a HostingDeployment asks for; None where it is no such spec."""
    try:
        containers = [one for model in spec["models"] for one in model["containers"]]
        images = tuple(sorted(one["image"] for one in containers))
        return Content(images, tuple(sorted(one["instanceType"] for one in spec["productionVariants"])))
    except (KeyError, TypeError):
        return None


def digest(given: Mapping[str, Any], *without: str) -> str:
    """Of a call's parameters, less the named ones: what ran, whatever it was called."""
    kept = {key: value for key, value in given.items() if key not in without}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:12]


def _between(versions: list[T], since: float, until: float) -> Iterator[T]:
    """Those that were the newest at a moment of that time; the end is stretched by what a look may be late."""
    for number, one in enumerate(versions):
        over = versions[number + 1].at if number + 1 < len(versions) else float("inf")
        if one.at <= until + LATE_S and over >= since:
            yield one


def _once(lines: list[Line]) -> Iterator[Line]:
    """Each (ref, id) once: what tells of doubles is a rule of its own."""
    told: set[tuple[str, str]] = set()
    for line in lines:
        id_ = (line.ref, str(line.said.get("id", "")))
        if line.said and id_ not in told:
            told.add(id_)
            yield line
