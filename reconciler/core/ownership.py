"""Whose is it? (D-2): recorded by us, tagged by us, or named by the archived operator after our UID."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from reconciler.core.kind import Pass
from reconciler.core.naming import (
    COMMIT_TAG,
    NAME_LIMIT,
    OWNER_TAG,
    ROLLOUT_TAG,
    TAG_PREFIX,
    USER_TAGS_MAX,
    owner_tag,
)
from reconciler.core.records.source import SourceRecord
from reconciler.core.resource import Annotation, Resource


class Owner(Enum):
    """Whose a remote object is, by name, record or tag."""

    US = "us"
    OTHER = "other"
    NOBODY = "nobody"
    UNKNOWN = "unknown"
    """No right to read tags."""


def uid_suffix(uid: str) -> str:
    """The archived operator's names end in this: the object's UID without dashes."""
    return uid.replace("-", "")


def generated_name(resource: Resource) -> str:
    """What the archived operator called a remote object whose name nobody chose: of the object's name as much as fits."""
    suffix = uid_suffix(resource.uid)
    return f"{resource.name[: NAME_LIMIT - len(suffix) - 1]}-{suffix}"


def own_tag(this: Pass) -> str:
    """The owner tag's value for the object of this pass."""
    key = this.resource.key
    return owner_tag(this.identity.cluster, key.namespace, key.kind, key.name)


def judge(this: Pass, name: str, tags: Mapping[str, str] | None, *, identity: str = "") -> Owner:
    """Whose the remote object is. `identity` is the digest that our names end in: nobody else computes it."""
    suffix = uid_suffix(this.resource.uid)
    if suffix and name.endswith(suffix):
        return Owner.US
    if tags is None:
        # No right to read tags must not block what can only be ours (D-18.3).
        return Owner.US if identity and name.endswith(identity) else Owner.UNKNOWN
    if OWNER_TAG not in tags:
        return Owner.NOBODY
    return Owner.US if tags[OWNER_TAG] == own_tag(this) else Owner.OTHER


def may_adopt(this: Pass) -> bool:
    """Whether the object asks for adoption and the installer lets its namespace."""
    return this.resource.annotations.get(Annotation.ADOPT) == "true" and not adoption_forbidden(this)


def adoption_forbidden(this: Pass) -> bool:
    """Whether the installer forbids adoption in the object's namespace."""
    return not this.identity.adoption_forbidden.isdisjoint({this.resource.namespace, "*"})


def tags_for(this: Pass, **more: str) -> list[dict[str, str]]:
    """User tags, then ours; of equal keys ours win, or nothing could be recognised later."""
    tags = {tag["key"]: tag.get("value", "") for tag in this.spec.get("tags") or () if isinstance(tag, Mapping)}
    tags[OWNER_TAG] = own_tag(this)
    if commit := this.resource.annotations.get(Annotation.COMMIT):
        tags[COMMIT_TAG] = commit
    tags |= {f"{TAG_PREFIX}{name}": value for name, value in more.items()}
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tags_as_made(this: Pass, source: SourceRecord, rollout: int | None) -> list[dict[str, str]]:
    """For what is made again: with the commit and the rollout that it was made for, not those of now, as far as they are known."""
    tags = [tag for tag in tags_for(this) if tag["Key"] != COMMIT_TAG]
    known = {COMMIT_TAG: source.commit, ROLLOUT_TAG: str(rollout or "")}
    room = len(this.spec.get("tags") or ()) < USER_TAGS_MAX
    return tags + [
        {"Key": key, "Value": value} for key, value in known.items() if value and (room or key == COMMIT_TAG)
    ]


def adoption_refusal(this: Pass, name: str, owner: Owner) -> tuple[str, str]:
    """Reason and text for a remote object under our name that is not ours, with the way out."""
    if owner is Owner.OTHER:
        return "OwnedByAnother", f"{name} carries another owner's tag; it is left alone until that owner releases it"
    why = "its tags cannot be read" if owner is Owner.UNKNOWN else "it carries no owner tag"
    if adoption_forbidden(this):
        namespace = this.resource.namespace
        return "AdoptionForbidden", f"{name} exists and {why}; the installer forbids adoption in namespace {namespace}"
    return "AdoptionRequired", f'{name} exists and {why}; annotate {Annotation.ADOPT}: "true" to take it'
