"""A GitSync for the bench: what loop 2 is told of Git, and the put-backs of loop 1, without a repository."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from reconciler.core.drift.git_drift import Reverted, edits_of
from reconciler.core.git.applied import Wanted
from reconciler.core.git.inventory import written_hash
from reconciler.core.resource import GITOPS_API_VERSION, Annotation, Key, Resource
from reconciler.kinds import KINDS
from tests.support.lab import Lab

_AS_WRITTEN = {kind.name: kind.as_written for kind in KINDS}


class LabGit:
    """Holds one manifest; `begin` again after the lab began again."""

    def __init__(self, lab: Lab, manifest: Mapping[str, Any], *, name: str = "sync", **spec: Any) -> None:
        self.lab, self.name, self.spec = lab, name, spec
        self.manifest = copy.deepcopy(dict(manifest))
        annotations = self.manifest["metadata"].setdefault("annotations", {})
        annotations |= {
            Annotation.OWNER: f"team/{name}",
            Annotation.COMMIT: "c" * 40,
            Annotation.REVISION: "main@sha1:" + "c" * 40,
        }
        self.key = Resource(self.manifest).key
        self.begin()
        lab.cluster.apply(self.manifest)

    @property
    def wanted(self) -> Wanted:
        spec = self.manifest["spec"]
        written = _AS_WRITTEN[self.key.kind](Resource(self.manifest))
        ignored = tuple(path for rule in (self.spec.get("drift") or {}).get("ignore", ()) for path in rule["paths"])
        return Wanted(
            self.key,
            self.manifest["apiVersion"],
            spec,
            written,
            written_hash(written, ignored),
            "a.yaml",
            1,
            ignored=ignored,
        )

    def begin(self, *, read: bool = True, **spec: Any) -> None:
        """The GitSync as a process finds it, or as somebody changed it; `read`: Git could be looked at since the start."""
        self.spec |= spec
        status = {"inventory": [f"{self.key.kind}/{self.key.namespace}/{self.key.name}@{self.wanted.hash}"]}
        metadata = {"name": self.name, "namespace": "team"}
        repo = {"repo": {"url": "https://example.com/x"}}
        body = {
            "apiVersion": GITOPS_API_VERSION,
            "kind": "GitSync",
            "metadata": metadata,
            "spec": repo | self.spec,
            "status": status,
        }
        sync = Resource(body)
        self.lab.claims.hold(sync)
        if read:
            self.lab.claims.want(sync.key, [self.wanted], [self.key])
            self.lab.claims.finish(sync.key, [])

    def edit(self, manager: str = "kubectl-edit", **changes: Any) -> None:
        """What somebody does in the cluster; None takes a field away."""
        live = self._live()
        live["spec"] = {key: value for key, value in {**live["spec"], **changes}.items() if value is not None}
        fields: dict[str, Any] = {"f:spec": {f"f:{key}": {} for key, value in changes.items() if value is not None}}
        live["metadata"]["managedFields"] = [{"manager": manager, "time": "2026-03-01T10:00:00Z", "fieldsV1": fields}]
        self.lab.cluster.apply(live)

    def put_back(self, *, told_first: bool = False) -> None:
        """What the sync does about it; the workers hear of it before or after they see the object move."""
        before = Resource(self._live())
        paths = tuple(edit.path for edit in edits_of(self.wanted, before, before.spec))
        put = Reverted(paths, before.resource_version, self.lab.clock.now(), "kubectl-edit")
        after = {**self._live(), "spec": copy.deepcopy(self.manifest["spec"])}
        after["metadata"].pop("managedFields", None)
        if told_first:
            self.lab.claims.reverted(self.key, put)
            self.lab.settle()
        self.lab.cluster.apply(after)
        if not told_first:
            self.lab.settle()
            self.lab.claims.reverted(self.key, put)
        self.lab.settle()

    def _live(self) -> dict[str, Any]:
        return copy.deepcopy(self.lab.cluster.objects[self.key])


__all__ = ["Key", "LabGit"]
