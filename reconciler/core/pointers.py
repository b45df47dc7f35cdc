"""JSON Pointers (RFC 6901), by which fields of manifests are named everywhere: in problems, drift and ignore rules."""

from __future__ import annotations


def escape(key: str) -> str:
    """A key as one step of a pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def unescape(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")


def child(pointer: str, key: str | int) -> str:
    """The pointer of a member."""
    return f"{pointer}/{escape(str(key))}"


def steps(pointer: str) -> list[str]:
    """The keys on the way, as they stand in the value: none for the whole."""
    return [unescape(step) for step in pointer.split("/")[1:]]


def within(path: str, pointer: str) -> bool:
    """Whether a place is what the pointer names or lies below it."""
    return path == pointer or path.startswith(pointer.rstrip("/") + "/")
