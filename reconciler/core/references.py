"""`...Ref` fields: another object of the same namespace named where SageMaker wants a name or a path of its own.

    modelName     <- modelRef         {kind: Model | HostingDeployment, name, model}
    modelDataUrl  <- modelDataUrlRef  {kind: TrainingJob | HyperparameterTuningJob, name}
    hyperParameterTuningJobName <- hyperParameterTuningJobRef {kind: HyperparameterTuningJob, name}

Resolving is a pure function of the spec and of the other objects as they stand; it is done anew in every pass. A target that
is not ready is waited for: that is no error, and nothing new is asked of SageMaker meanwhile. What SageMaker reported is
taken (the artefact's path is what DescribeTrainingJob said), never a string put together here.

Jobs take a reference as written into their digest, so that a model's new name trains or scores nothing again; what serves
takes what it stands for, so that a new artefact is a rollout (design 4, "Names and identity").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple, Protocol

from reconciler.core.resource import Key, Resource
from reconciler.core.schema.shapes import Field, List, Reference, Scalar, Shape, Structure
from reconciler.core.status import is_ready

__all__ = [
    "NOT_READY",
    "Lookup",
    "Resolved",
    "Snapshot",
    "Target",
    "Used",
    "Wait",
    "cycles",
    "reference_field",
    "resolve",
    "targets",
    "told",
]

NOT_READY = "DependencyNotReady"
Gives = Literal["model", "artefact", "tuning job"]


class Lookup(Protocol):
    """Other objects as the informers know them; asking costs no request."""

    def get(self, key: Key, /) -> Resource | None: ...
    def items(self, kind: str, /) -> Iterable[Resource]: ...


class Snapshot:
    """A `Lookup` over given objects: a manifest set, or a test's."""

    def __init__(self, *resources: Resource) -> None:
        self._by_key = {resource.key: resource for resource in resources}

    def get(self, key: Key, /) -> Resource | None:
        return self._by_key.get(key)

    def items(self, kind: str, /) -> Iterable[Resource]:
        return [resource for key, resource in self._by_key.items() if key.kind == kind]


@dataclass(frozen=True)
class Used:
    """A reference that was resolved, as status remembers it."""

    path: str
    kind: str
    name: str
    value: str
    run: str = ""
    """SageMaker's name of the job whose artefact it is."""

    def record(self) -> dict[str, str]:
        return {key: value for key, value in asdict(self).items() if value}


@dataclass(frozen=True)
class Wait:
    path: str
    kind: str
    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.path}: {self.kind} {self.name} {self.why}"


@dataclass(frozen=True)
class Resolved:
    spec: Mapping[str, Any]
    """Without `...Ref`; where one is waited for, without the field it stands for as well."""
    used: tuple[Used, ...] = ()
    waits: tuple[Wait, ...] = ()

    @property
    def why(self) -> str:
        return "; ".join(map(str, self.waits))

    def records(self) -> list[dict[str, str]]:
        return [one.record() for one in self.used]


class Target(NamedTuple):
    path: str
    key: Key


def reference_field(key: str, gives: Gives) -> Field:
    """The `...Ref` that may stand instead of the field `key`."""
    fields = [
        Field("kind", Scalar("string", enum=tuple(_PROVIDERS[gives])), required=True),
        Field(
            "name",
            Scalar("string", min_length=1, max_length=253),
            required=True,
            doc="An object of the same namespace.",
        ),
    ]
    if gives == "model":
        doc = "Which of a HostingDeployment's models; needed where it has several."
        fields.append(Field("model", Scalar("string", min_length=1, max_length=253), doc=doc))
    doc = f"The object that gives {key}; it is waited for."
    return Field(key.removesuffix("Name") + "Ref", Structure(tuple(fields)), doc=doc, reference=Reference(key, gives))


def resolve(shape: Structure, spec: Mapping[str, Any], namespace: str, others: Lookup) -> Resolved:
    used: list[Used] = []
    waits: list[Wait] = []

    def look(reference: Reference, named: Mapping[str, Any], path: str) -> str:
        kind, name = str(named.get("kind") or ""), str(named.get("name") or "")
        found = _provided(reference.gives, kind, others.get(Key(kind, namespace, name)), named)
        if isinstance(found, str):
            waits.append(Wait(path, kind, name, found))
            return ""
        used.append(Used(path, kind, name, found.value, found.run))
        return found.value

    return Resolved(_replaced(shape, spec, "/spec", look), tuple(used), tuple(waits))


def targets(shape: Structure, spec: Any, namespace: str) -> tuple[Target, ...]:
    """Every object that a spec refers to, well-formed or not."""
    return tuple(
        Target(path, Key(str(named.get("kind") or ""), namespace, str(named.get("name") or "")))
        for _, named, path in _found(shape, spec, "/spec")
    )


def told(resource: Resource | None) -> Any:
    """Equal as long as an object tells whoever refers to it the same: what it gives, or why it does not."""
    if resource is None or resource.deleting:
        return None
    gives = [give(resource, {}) for kinds in _PROVIDERS.values() if (give := kinds.get(resource.kind)) is not None]
    return _settled(resource), _reason(resource), gives, resource.status.get("modelNames")


def cycles(edges: Mapping[Key, Sequence[Target]]) -> dict[Key, tuple[Key, ...]]:
    """Objects that wait for themselves, each with the way round, beginning and ending with it."""
    found = {}
    for start in edges:
        way = _way_back(start, edges)
        if way:
            found[start] = way
    return found


def _way_back(start: Key, edges: Mapping[Key, Sequence[Target]]) -> tuple[Key, ...]:
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


# --- what each kind gives ---------------------------------------------------------------------------------------------


class _Given(NamedTuple):
    value: str
    run: str = ""


_Give = Callable[[Resource, Mapping[str, Any]], "_Given | str"]
"""What an object gives, or why it cannot yet."""


def _model_of_model(model: Resource, _named: Mapping[str, Any]) -> _Given | str:
    name = str(model.status.get("sageMakerModelName") or "")
    return _Given(name) if name else "has no model yet"


def _model_of_deployment(deployment: Resource, named: Mapping[str, Any]) -> _Given | str:
    models = {str(pair.get("name")): str(pair.get("value")) for pair in deployment.status.get("modelNames") or ()}
    wanted = str(named.get("model") or "")
    if wanted:
        return _Given(models[wanted]) if wanted in models else f"has no model {wanted!r}"
    if len(models) == 1:
        return _Given(*models.values())
    return f"has {len(models)} models: say which by `model`" if models else "has no model yet"


def _artefact_of_training(job: Resource, _named: Mapping[str, Any]) -> _Given | str:
    path = str(job.status.get("modelPath") or "")
    return _Given(path, str(job.status.get("sageMakerTrainingJobName") or "")) if path else "wrote no artefact"


def _artefact_of_tuning(job: Resource, _named: Mapping[str, Any]) -> _Given | str:
    best = job.status.get("bestTrainingJob") or {}
    path = str(best.get("modelPath") or "")
    return _Given(path, str(best.get("trainingJobName") or "")) if path else "has no best training job with an artefact"


def _tuning_job(job: Resource, _named: Mapping[str, Any]) -> _Given | str:
    name = str(job.status.get("sageMakerHyperParameterTuningJobName") or "")
    return _Given(name) if name else "has no tuning job yet"


_PROVIDERS: Mapping[Gives, Mapping[str, _Give]] = {
    "model": {"Model": _model_of_model, "HostingDeployment": _model_of_deployment},
    "artefact": {"TrainingJob": _artefact_of_training, "HyperparameterTuningJob": _artefact_of_tuning},
    "tuning job": {"HyperparameterTuningJob": _tuning_job},
}


def _provided(gives: Gives, kind: str, target: Resource | None, named: Mapping[str, Any]) -> _Given | str:
    give = _PROVIDERS[gives].get(kind)
    if give is None:
        return f"cannot stand here: one of {', '.join(_PROVIDERS[gives])} can"
    if target is None:
        return "is not there"
    if target.deleting:
        return "is being deleted"
    if not _settled(target):
        return f"is not ready{_reason(target)}"
    return give(target, named)


def _settled(target: Resource) -> bool:
    """Ready for the spec that it has now: just after a commit, status still speaks of the old one."""
    return is_ready(target.status) and target.status.get("observedGeneration") == target.generation


def _reason(target: Resource) -> str:
    conditions = target.status.get("conditions") or ()
    reasons = [
        str(one.get("reason")) for one in conditions if one.get("type") == "Ready" and one.get("status") != "True"
    ]
    return f" ({reasons[0]})" if reasons else ""


# --- walking ----------------------------------------------------------------------------------------------------------


def _replaced(shape: Shape, value: Any, path: str, look: Callable[[Reference, Mapping[str, Any], str], str]) -> Any:
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


def _found(shape: Shape, value: Any, path: str) -> Iterator[tuple[Reference, Mapping[str, Any], str]]:
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
