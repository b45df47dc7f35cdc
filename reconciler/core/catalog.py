"""The kinds as one table: whoever needs them all is given the catalogue (`kinds.CATALOG`) and knows no kind by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from reconciler.core.aws.remote import RemoteKinds
from reconciler.core.kind import Kind
from reconciler.core.schema.declaration import Schema
from reconciler.core.schema.reference import Provider

__all__ = ["Catalog"]


@dataclass(frozen=True, eq=False)
class Catalog:
    """The kinds of one installation; the throw-away kind of the contract tests is one more entry."""

    kinds: tuple[Kind[Any], ...]
    """Those that are reconciled with SageMaker."""
    others: tuple[Schema, ...] = ()
    """Custom resources that are not."""

    @cached_property
    def schemas(self) -> tuple[Schema, ...]:
        """Of every custom resource, reconciled or not: what CRDs and `validate` are made from."""
        return (*(kind.schema for kind in self.kinds), *self.others)

    @cached_property
    def by_name(self) -> Mapping[str, Kind[Any]]:
        """By Kubernetes kind."""
        return {kind.name: kind for kind in self.kinds}

    @cached_property
    def jobs(self) -> Mapping[str, Kind[Any]]:
        """Those that run once per content."""
        return {kind.name: kind for kind in self.kinds if kind.is_job}

    @cached_property
    def remotes(self) -> RemoteKinds:
        """What all of them make in AWS."""
        return RemoteKinds(remote for kind in self.kinds for remote in kind.remotes)

    def providers(self, gives: str) -> Mapping[str, Provider]:
        """The kinds that give something, by name; one that is called so comes first."""
        found = [kind for kind in self.kinds if gives in kind.gives]
        found.sort(key=lambda kind: kind.name.lower() != gives)
        return {kind.name: kind.gives[gives] for kind in found}

    def gives(self, kind: str) -> Mapping[str, Provider]:
        """What a kind gives; nothing where it is not reconciled with SageMaker."""
        found = self.by_name.get(kind)
        return found.gives if found else {}
