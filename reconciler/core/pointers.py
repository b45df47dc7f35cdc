"""JSON Pointers (RFC 6901), by which fields of manifests are named everywhere: in problems, drift and ignore rules."""

from __future__ import annotations

from collections.abc import Iterable


def child(pointer: str, key: str | int) -> str:
    """The pointer of a member."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


def steps(pointer: str) -> list[str]:
    """The keys on the way, as they stand in the value: none for the whole."""
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def within(path: str, pointers: Iterable[str]) -> bool:
    """Whether a place is what one of the pointers names or lies below it."""
    return any(path == pointer or path.startswith(pointer.rstrip("/") + "/") for pointer in pointers)
