"""`...Ref` fields: another object of the same namespace named where SageMaker wants a name or a path of its own.

    modelName     <- modelRef         {kind: Model | HostingDeployment, name, model}
    modelDataUrl  <- modelDataUrlRef  {kind: TrainingJob | HyperparameterTuningJob, name}
    hyperParameterTuningJobName <- hyperParameterTuningJobRef {kind: HyperparameterTuningJob, name}

Resolving is a pure function of the spec and of the other objects as they stand; it is done again in every pass. A target that
is not ready is waited for: that is no error, and nothing new is asked of SageMaker meanwhile. What SageMaker reported is
taken (the artefact's path is what DescribeTrainingJob said), never a string put together here.

Jobs take a reference as written into their digest, so that a model's new name trains or scores nothing again; what serves
takes what it stands for, so that a new artefact is a rollout (D-1.6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from reconciler.core.conditions import READY, find
from reconciler.core.records.reference import UsedReference
from reconciler.core.resource import Key, Resource
from reconciler.core.schema.reference import Given, Provider, Reference
from reconciler.core.schema.shapes import Field, List, Scalar, Shape, Structure
from reconciler.core.status import is_ready
from reconciler.core.values import Json, JsonObject, Spec

__all__ = [
    "NOT_READY",
    "Lookup",
    "Resolved",
    "Snapshot",
    "Target",
    "Wait",
    "cycles",
    "fingerprint",
    "reference_field",
    "resolve",
    "targets",
]

NOT_READY = "DependencyNotReady"


class Lookup(Protocol):
    """Other objects as the informers know them; asking costs no request."""

    def get(self, key: Key, /) -> Resource | None:
        """None: not there, as far as the informers know."""

    def items(self, kind: str, /) -> Iterable[Resource]:
        """Of every namespace that is watched."""


class Snapshot:
    """A `Lookup` over given objects: a manifest set, or a test's."""

    def __init__(self, *resources: Resource) -> None:
        self._by_key = {resource.key: resource for resource in resources}

    def get(self, key: Key, /) -> Resource | None:
        return self._by_key.get(key)

    def items(self, kind: str, /) -> Iterable[Resource]:
        return [resource for key, resource in self._by_key.items() if key.kind == kind]


@dataclass(frozen=True)
class Wait:
    """A reference that cannot be resolved yet, and why, for people."""

    path: str
    kind: str
    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.path}: {self.kind} {self.name} {self.why}"


@dataclass(frozen=True)
class Resolved:
    """What became of the references of a spec."""

    spec: Spec
    """Without `...Ref`; where one is waited for, without the field it stands for as well."""
    used: tuple[UsedReference, ...] = ()
    waits: tuple[Wait, ...] = ()

    @property
    def why(self) -> str:
        """Everything that is waited for, in one sentence; empty: nothing."""
        return "; ".join(map(str, self.waits))

    def records(self) -> list[dict[str, str]]:
        """As `status.references` has them."""
        return [one.record() for one in self.used]


class Target(NamedTuple):
    """An object that a spec refers to, and where (a JSON Pointer)."""

    path: str
    key: Key


def reference_field(key: str, gives: str, providers: Mapping[str, Provider]) -> Field:
    """The `...Ref` that may stand instead of the field `key`. Raises ValueError when no kind gives such a thing."""
    if not providers:
        raise ValueError(f"{key}: no kind gives a {gives}")
    fields = [
        Field("kind", Scalar("string", enum=tuple(providers)), required=True),
        Field(
            "name",
            Scalar("string", min_length=1, max_length=253),
            required=True,
            doc="An object of the same namespace.",
        ),
    ]
    choices = {provider.choice: provider.choice_doc for provider in providers.values() if provider.choice}
    fields += [
        Field(choice, Scalar("string", min_length=1, max_length=253), doc=doc) for choice, doc in choices.items()
    ]
    doc = f"The object that gives {key}; it is waited for."
    reference = Reference(key, gives, providers)
    return Field(key.removesuffix("Name") + "Ref", Structure(tuple(fields)), doc=doc, reference=reference)


def resolve(shape: Structure, spec: Spec, namespace: str, others: Lookup) -> Resolved:
    """Look every `...Ref` of a spec up, and put what it gives in the place of the field that it stands for."""
    used: list[UsedReference] = []
    waits: list[Wait] = []

    def look(reference: Reference, named: JsonObject, path: str) -> str:
        kind, name = str(named.get("kind") or ""), str(named.get("name") or "")
        found = _provided(reference, kind, others.get(Key(kind, namespace, name)), named)
        if isinstance(found, str):
            waits.append(Wait(path, kind, name, found))
            return ""
        used.append(UsedReference(path, kind, name, found.value, found.run))
        return found.value

    return Resolved(_replaced(shape, spec, "/spec", look), tuple(used), tuple(waits))


def targets(shape: Structure, spec: Json, namespace: str) -> tuple[Target, ...]:
    """Every object that a spec refers to, well-formed or not."""
    return tuple(
        Target(path, Key(str(named.get("kind") or ""), namespace, str(named.get("name") or "")))
        for _, named, path in _found(shape, spec, "/spec")
    )


def fingerprint(resource: Resource | None, gives: Mapping[str, Provider]) -> object:
    """Equal as long as an object tells whoever refers to it the same: what it gives, or why it does not. `gives` is its kind's."""
    if resource is None or resource.deleting:
        return None
    given = {what: provider.given(resource.status) for what, provider in gives.items()}
    return _settled(resource), _reason(resource), given


def cycles(edges: Mapping[Key, Sequence[Target]]) -> dict[Key, tuple[Key, ...]]:
    """Objects that wait for themselves, each with the way round, beginning and ending with it."""
    found = {}
    for start in edges:
        way = _way_round(start, edges)
        if way:
            found[start] = way
    return found


def _way_round(start: Key, edges: Mapping[Key, Sequence[Target]]) -> tuple[Key, ...]:
    ways: list[tuple[Key, ...]] = [(start,)]
    seen: set[Key] = set()
    while ways:
        way = ways.pop(0)
        for _, after in edges.get(way[-1], ()):
            if after == start:
                return (*way, start)
            if after not in seen:
                seen.add(after)
                ways.append((*way, after))
    return ()


# --- what another object gives ----------------------------------------------------------------------------------------


def _provided(reference: Reference, kind: str, target: Resource | None, named: JsonObject) -> Given | str:
    """What the target gives, or why it cannot yet."""
    provider = reference.providers.get(kind)
    if provider is None:
        return f"cannot stand here: one of {', '.join(reference.providers)} can"
    if target is None:
        return "is not there"
    if target.deleting:
        return "is being deleted"
    if not _settled(target):
        return f"is not ready{_reason(target)}"
    given = provider.given(target.status)
    return given if isinstance(given, str) else _chosen(reference.gives, provider, given, named)


def _chosen(gives: str, provider: Provider, given: Mapping[str, Given], named: JsonObject) -> Given | str:
    choice = str(named.get(provider.choice) or "") if provider.choice else ""
    if choice:
        return given.get(choice, f"has no {gives} {choice!r}")
    if len(given) == 1:
        return next(iter(given.values()))
    return f"has {len(given)} {gives}s: say which by `{provider.choice}`" if given else f"has no {gives} yet"


def _settled(target: Resource) -> bool:
    """Ready for the spec that it has now: just after a commit, status still speaks of the old one."""
    return is_ready(target.status) and target.status.get("observedGeneration") == target.generation


def _reason(target: Resource) -> str:
    ready = find(target.status.get("conditions") or (), READY)
    return f" ({ready.get('reason')})" if ready and ready.get("status") != "True" else ""


# --- walking ----------------------------------------------------------------------------------------------------------


def _replaced(shape: Shape, value: Json, path: str, look: Callable[[Reference, JsonObject, str], str]) -> Json:
    match shape:
        case Structure() if isinstance(value, Mapping):
            fields = shape.by_key
            known = {
                key: _replaced(fields[key].shape, item, f"{path}/{key}", look) if key in fields else item
                for key, item in value.items()
                if key not in fields or fields[key].reference is None
            }
            for field in shape.fields:
                named = value.get(field.key)
                if field.reference is not None and isinstance(named, Mapping):
                    found = look(field.reference, named, f"{path}/{field.key}")
                    known |= {field.reference.stands_for: found} if found else {}
            return known
        case List() if isinstance(value, list):
            return [_replaced(shape.item, item, f"{path}/{index}", look) for index, item in enumerate(value)]
        case _:
            return value


def _found(shape: Shape, value: Json, path: str) -> Iterator[tuple[Reference, JsonObject, str]]:
    match shape:
        case Structure() if isinstance(value, Mapping):
            for field in shape.fields:
                item = value.get(field.key)
                if field.reference is not None:
                    if isinstance(item, Mapping):
                        yield field.reference, item, f"{path}/{field.key}"
                elif item is not None:
                    yield from _found(field.shape, item, f"{path}/{field.key}")
        case List() if isinstance(value, list):
            for index, item in enumerate(value):
                yield from _found(shape.item, item, f"{path}/{index}")
        case _:
            return
