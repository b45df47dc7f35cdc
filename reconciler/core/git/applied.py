"""What is written on an object that comes from Git: its body, our bookkeeping annotations, and how an edit is undone.

The bookkeeping is rewritten only when the object itself changes, or its file is another one. A commit that touches one file
of a thousand must not rewrite the other 999 only to tell them its number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from reconciler.core.git.inventory import carried
from reconciler.core.git.source import Provenance, Revision
from reconciler.core.naming import digest
from reconciler.core.pointers import child, within
from reconciler.core.resource import GITOPS_GROUP, Annotation, Key, Resource
from reconciler.core.values import Json, Spec

APPLIED_METADATA = f"{GITOPS_GROUP}/applied-metadata"
"""Digest of the labels and annotations that Git stated, so that one removed from Git is noticed after a restart too."""

BOOKKEEPING = (
    *(Annotation.REPO, Annotation.REVISION, Annotation.COMMIT, Annotation.PATH, Annotation.OWNER, Annotation.AUTHOR),
    *(Annotation.SUBJECT, Annotation.APPLIED_HASH, Annotation.APPROXIMATE, APPLIED_METADATA),
)


@dataclass(frozen=True)
class Wanted:
    """One object as Git wants it. `hash` leaves out the paths of `ignored`, which belong to others."""

    key: Key
    api_version: str
    spec: Spec
    written: Spec
    """The spec in the form in which it is compared with the live one (`Kind.as_written`)."""
    hash: str
    path: str
    line: int
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()

    @cached_property
    def metadata_hash(self) -> str:
        """Empty when Git states neither label nor annotation."""
        return digest([dict(self.labels), dict(self.annotations)]) if self.labels or self.annotations else ""


def bookkeeping(
    want: Wanted, *, owner: str, repo: str, revision: Revision, provenance: Provenance | None
) -> dict[str, str]:
    """The annotations that the sync writes. Without provenance the synced head stands in, marked approximate."""
    entries = {
        Annotation.OWNER: owner,
        Annotation.REPO: repo,
        Annotation.REVISION: str(revision),
        Annotation.COMMIT: provenance.commit.sha if provenance else revision.sha,
        Annotation.PATH: want.path,
        Annotation.APPLIED_HASH: want.hash,
    }
    if provenance:
        entries[Annotation.AUTHOR] = provenance.commit.author
        entries[Annotation.SUBJECT] = provenance.commit.subject
    if provenance is None or provenance.approximate:
        entries[Annotation.APPROXIMATE] = "true"
    if want.metadata_hash:
        entries[APPLIED_METADATA] = want.metadata_hash
    return entries


def body(want: Wanted, notes: Mapping[str, str], live: Resource | None = None) -> dict[str, Json]:
    """What server-side apply sends. Of a live object the values in ignored places are carried along."""
    spec = carried(want.spec, live.spec, want.ignored) if live is not None and want.ignored else want.spec
    labels, annotations = stated(want, live)
    metadata: dict[str, Json] = {
        "name": want.key.name,
        "namespace": want.key.namespace,
        "annotations": {**annotations, **notes},
    }
    if labels:
        metadata["labels"] = labels
    return {"apiVersion": want.api_version, "kind": want.key.kind, "metadata": metadata, "spec": spec}


def stated(want: Wanted, live: Resource | None) -> tuple[dict[str, str], dict[str, str]]:
    """Git's labels and annotations for a live object; of an ignored key the live value, and where there is none the key is left out."""
    if live is None:
        return dict(want.labels), dict(want.annotations)
    return (
        _left_to_others("/metadata/labels", want.labels, live.labels, want.ignored),
        _left_to_others("/metadata/annotations", want.annotations, live.annotations, want.ignored),
    )


def _left_to_others(
    at: str, wanted: Mapping[str, str], live: Mapping[str, str], ignored: tuple[str, ...]
) -> dict[str, str]:
    theirs = {key for key in wanted if within(child(at, key), ignored)}
    found = {key: live.get(key) if key in theirs else value for key, value in wanted.items()}
    return {key: value for key, value in found.items() if value is not None}


def reverted(want: Wanted, live: Resource, written: Spec, notes: Mapping[str, str]) -> Resource:
    """The live object with Git's spec: fields that others added are gone, write-backs of the archived operator stay.

    `written` is the live spec without those write-backs. Labels and annotations that others added are theirs.
    """
    spec = carried(want.spec, live.spec, want.ignored) if want.ignored else want.spec
    labels, annotations = stated(want, live)
    metadata: dict[str, Json] = {"annotations": {**live.annotations, **annotations, **notes}}
    if labels or live.labels:
        metadata["labels"] = {**live.labels, **labels}
    return live.with_spec(_with_write_backs(spec, live.spec, written)).with_metadata(**metadata)


def bookkeeping_is_old(want: Wanted, live: Resource, owner: str) -> bool:
    """Whether our annotations on the object name something other than what Git now holds."""
    annotations = live.annotations
    return (
        annotations.get(Annotation.OWNER) != owner
        or annotations.get(Annotation.APPLIED_HASH) != want.hash
        or annotations.get(Annotation.PATH) != want.path
        or metadata_is_old(want, live)
    )


def metadata_is_old(want: Wanted, live: Resource) -> bool:
    """Whether Git states other labels or annotations than when the object was applied; the inventory knows only specs."""
    return live.annotations.get(APPLIED_METADATA, "") != want.metadata_hash


def kept_bookkeeping(want: Wanted, live: Resource, owner: str) -> dict[str, str] | None:
    """The bookkeeping already there, when it is about this very content: a reverted object keeps its commit."""
    if bookkeeping_is_old(want, live, owner):
        return None
    return {key: value for key, value in live.annotations.items() if key in BOOKKEEPING}


def edited_metadata(want: Wanted, live: Resource) -> bool:
    """Whether a label or annotation that Git states is missing or different."""
    labels, annotations = stated(want, live)
    return not (labels.items() <= live.labels.items() and annotations.items() <= live.annotations.items())


def _with_write_backs(spec: Spec, live: Spec, written: Spec) -> dict[str, Json]:
    merged = dict(spec)
    for key, value in live.items():
        if key in merged:
            inner = written.get(key)
            if isinstance(value, Mapping) and isinstance(inner, Mapping) and isinstance(merged[key], Mapping):
                merged[key] = _with_write_backs(merged[key], value, inner)
        elif key not in written:
            merged[key] = value
    return merged
