"""The kinds as the loops want them: by name, with the shapes of their specs, and what an author wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from botocore.loaders import Loader

from reconciler.adapters.service_model import load_shape
from reconciler.core.catalog import Catalog
from reconciler.core.kind import Kind
from reconciler.core.manifests.parse import Manifest
from reconciler.core.resource import Resource
from reconciler.core.schema.declaration import Schema
from reconciler.core.schema.problems import Problem, problems
from reconciler.core.schema.shapes import Structure
from reconciler.core.sync.spec import KIND as SYNC
from reconciler.kinds import CATALOG


@dataclass(frozen=True)
class LoadedKinds:
    catalog: Catalog
    shapes: Mapping[str, Structure]
    table: Mapping[str, tuple[Kind[Any], Structure]]
    """The kinds that are reconciled with SageMaker."""

    @classmethod
    def load(cls, loader: Loader, catalog: Catalog = CATALOG) -> Self:
        """`loader` reads botocore's models; each keeps a copy of its own of what it read."""
        shapes = {schema.kind: load_shape(schema, loader, catalog) for schema in catalog.schemas}
        return cls(catalog, shapes, {kind.name: (kind, shapes[kind.name]) for kind in catalog.kinds})

    @property
    def schemas(self) -> tuple[Schema, ...]:
        return self.catalog.schemas

    @property
    def versions(self) -> dict[str, str]:
        """The kinds a repository may hold, with the apiVersion of each: GitSync is never one of them."""
        return {schema.kind: schema.api_version for schema in self.schemas if schema.kind != SYNC}

    @property
    def jobs(self) -> dict[str, bool]:
        """Every kind, and whether it runs to an end."""
        return {schema.kind: schema.kind in self.catalog.jobs for schema in self.schemas}

    def validate(self, manifest: Manifest) -> Sequence[Problem]:
        """Of a spec; everything else of a manifest was judged before."""
        return problems(self.shapes[manifest.kind], manifest.value.get("spec") or {})

    def as_written(self, resource: Resource) -> Mapping[str, Any]:
        """The spec without the archived operator's write-backs, for kinds that had any."""
        kind, _ = self.table.get(resource.kind, (None, None))
        return kind.as_written(resource) if kind else resource.spec
