"""The kinds as a person names them, from the one table of kinds. Loaded once it is needed: completion and help are quicker."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from reconciler.core.catalog import Catalog
from reconciler.core.kind import Shown, StatusKeys
from reconciler.core.resource import Resource
from reconciler.core.sync.spec import KIND as SYNC
from reconciler.kinds import CATALOG

__all__ = ["HOSTING", "JOBS", "SYNC", "TUNING", "KnownKind", "every_kind", "kind_named", "known", "one_of", "shown"]

HOSTING = "HostingDeployment"
TUNING = "HyperparameterTuningJob"

JOBS: dict[str, StatusKeys] = {name: kind.keys for name, kind in CATALOG.jobs.items()}


@dataclass(frozen=True)
class KnownKind:
    kind: str
    plural: str
    group: str
    version: str
    short_names: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return (self.kind.lower(), self.plural, *self.short_names)


@lru_cache(maxsize=2)
def every_kind(catalog: Catalog = CATALOG) -> tuple[KnownKind, ...]:
    """Syncs first, as they come first in every view."""
    found = [KnownKind(one.kind, one.plural, one.group, one.version, one.short_names) for one in catalog.schemas]
    return tuple(sorted(found, key=lambda one: one.kind != SYNC))


def kind_named(text: str) -> KnownKind | None:
    """By kind, plural or short name, in any capitalisation, with or without the API group behind it."""
    wanted = text.partition(".")[0].lower()
    return next((kind for kind in every_kind() if wanted in kind.names), None)


def one_of(kind: str) -> str:
    """The kind with its article."""
    return f"{'an' if kind[0] in 'AEIOU' else 'a'} {kind}"


def known(kind: str) -> KnownKind:
    return next(one for one in every_kind() if one.kind == kind)


def shown(resource: Resource, catalog: Catalog = CATALOG) -> tuple[Shown, ...]:
    """What an object stands for in SageMaker, as its status says."""
    kind = catalog.by_name.get(resource.kind)
    return tuple(kind.shown(resource.status)) if kind else ()
