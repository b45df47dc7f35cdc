"""Whose is it? (design 4, "Ownership"): recorded by us, tagged by us, or named by the archived operator after our UID."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from reconciler.core.kind import Pass
from reconciler.core.naming import COMMIT_TAG, OWNER_TAG, owner_tag
from reconciler.core.resource import Annotation


class Owner(Enum):
    US = "us"
    OTHER = "other"
    NOBODY = "nobody"
    UNKNOWN = "unknown"
    """No right to read tags."""


def uid_suffix(uid: str) -> str:
    """The archived operator's names end in this: the object's UID without dashes."""
    return uid.replace("-", "")


def own_tag(this: Pass) -> str:
    key = this.resource.key
    return owner_tag(this.identity.cluster, key.namespace, key.kind, key.name)


def judge(this: Pass, name: str, tags: Mapping[str, str] | None) -> Owner:
    suffix = uid_suffix(this.resource.uid)
    if suffix and name.endswith(suffix):
        return Owner.US
    if tags is None:
        return Owner.UNKNOWN
    if OWNER_TAG not in tags:
        return Owner.NOBODY
    return Owner.US if tags[OWNER_TAG] == own_tag(this) else Owner.OTHER


def may_adopt(this: Pass) -> bool:
    return this.resource.annotations.get(Annotation.ADOPT) == "true"


def tags_for(this: Pass) -> list[dict[str, str]]:
    """User tags, then ours; of equal keys ours win, or nothing could be recognised later."""
    tags = {tag["key"]: tag.get("value", "") for tag in this.spec.get("tags") or () if isinstance(tag, Mapping)}
    tags[OWNER_TAG] = own_tag(this)
    if commit := this.resource.annotations.get(Annotation.COMMIT):
        tags[COMMIT_TAG] = commit
    return [{"Key": key, "Value": value} for key, value in tags.items()]
