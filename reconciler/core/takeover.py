"""An object that the archived operator left: what its author wrote and what that operator stored are one content.

Decided at the first look and remembered in `status.takenOver`, so that the author's file counts as what was carried out
whenever it comes from Git, before or after. The author's words are in kubectl's annotation, where there is one and it still
says what is stored; else they are known once a syncer applied them. From then on a key that the archived operator did not
know is an edit like any other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from reconciler.core.archived import reduced
from reconciler.core.decision import Decision
from reconciler.core.kind import Pass
from reconciler.core.naming import digest
from reconciler.core.records.taken_over import TakenOver
from reconciler.core.resource import Annotation
from reconciler.core.schema.shapes import Shape, canonical
from reconciler.core.status import RENDERED
from reconciler.core.values import Json, JsonObject, Spec

__all__ = ["LAST_APPLIED", "begun", "content_of", "left_by_it", "remembering", "would_be"]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_MEMBER = "takenOver"


def begun(this: Pass) -> Pass:
    """The pass with what is known of the take-over. While the spec says what was carried out then, keys of it that the
    archived operator dropped do not count: nothing was made with them.
    """
    archived = this.kind.archived
    if archived is None or this.resource.spawned or this.taken:
        return this
    taken = TakenOver.parse(this.past[_MEMBER]) if this.past.get(_MEMBER) else _first(this)
    if taken is None:
        return this
    said = _said(this, taken)
    as_taken = said is not None
    if said is not None and not taken.written and _is_from_git(this):
        taken = replace(taken, written=digest([archived.meant(this.shape, said)]))
    spec = archived.known(this.shape, this.spec) if as_taken and not this.kind.is_job else this.spec
    return replace(this, spec=spec, taken=taken, as_taken=as_taken)


def would_be(this: Pass) -> tuple[Pass, ...]:
    """As if what the spec says had been taken over, in each of its wordings: so a job that was is found again when its object
    was made anew.
    """
    archived = this.kind.archived
    if archived is None or this.taken:
        return (this,)
    return tuple(
        replace(
            this, taken=_taken(archived.carried_out(this.shape, spec), archived.meant(this.shape, spec)), as_taken=True
        )
        for spec in _wordings(this)
    )


def remembering(decision: Decision, this: Pass) -> Decision:
    """The decision with the record, whatever is shown."""
    if this.taken is None:
        return decision
    record = this.taken.record()
    return decision.each(lambda one: replace(one, status={**one.status, _MEMBER: record}))


def content_of(this: Pass, shape: Shape, value: Json) -> Json:
    """What the digest of something that serves is made of: of the archived operator's objects without what says nothing."""
    found = canonical(shape, value)
    return reduced(found) if this.taken else found


def left_by_it(this: Pass) -> bool:
    """Whether no pass recorded anything of what the archived operator had made."""
    archived, past = this.kind.archived, this.past
    if archived is None or archived.record in past:
        return False
    untold = not any(member in past for member in RENDERED)
    return bool(past.get(this.kind.keys.name)) or (untold and bool(past))


def _first(this: Pass) -> TakenOver | None:
    if not left_by_it(this):
        return None
    archived, shape = this.kind.archived, this.shape
    assert archived is not None  # noqa: S101 - `left_by_it` says so
    spec, author = _nameless(this, this.spec), _author(this)
    carried_out = archived.carried_out(shape, spec)
    if author is not None and archived.carried_out(shape, author) == carried_out:
        return _taken(carried_out, archived.meant(shape, author))
    written = archived.meant(shape, spec)
    if written == carried_out and not _is_from_git(this):
        return TakenOver(digest([carried_out]))
    return _taken(carried_out, written)


def _taken(carried_out: JsonObject, written: JsonObject) -> TakenOver:
    return TakenOver(digest([carried_out]), digest([written]))


def _said(this: Pass, taken: TakenOver) -> Spec | None:
    """The wording of the spec that says what was carried out: with the author's further keys, or with none."""
    archived = this.kind.archived
    assert archived is not None  # noqa: S101 - nothing else is taken over
    for spec in _wordings(this):
        carried_out, meant = archived.carried_out(this.shape, spec), archived.meant(this.shape, spec)
        if digest([carried_out]) == taken.content and (carried_out == meant or taken.written in ("", digest([meant]))):
            return spec
    return None


def _wordings(this: Pass) -> tuple[Spec, ...]:
    """The spec without a job's own name, and, where it has one, as it stands: earlier versions took that for content."""
    nameless = _nameless(this, this.spec)
    return (nameless,) if nameless == this.spec else (nameless, this.spec)


def _nameless(this: Pass, spec: Spec) -> Spec:
    """Of a job without its name. The archived operator wrote one that ends in the object's UID: an object that was made anew
    from what was exported has another UID, and nothing else tells that name from one that an author chose.
    """
    return {key: value for key, value in spec.items() if key != this.kind.keys.spec_name} if this.kind.is_job else spec


def _author(this: Pass) -> Spec | None:
    """The spec as it was applied with kubectl last, without what was written back."""
    try:
        applied = json.loads(this.resource.annotations.get(LAST_APPLIED, ""))
    except ValueError:
        return None
    spec = applied.get("spec") if isinstance(applied, Mapping) else None
    if not isinstance(spec, Mapping):
        return None
    return _nameless(this, this.kind.as_written(this.resource.with_spec(spec)))


def _is_from_git(this: Pass) -> bool:
    return bool(this.resource.annotations.get(Annotation.REVISION))
