"""A bounded memory of what was used last. Not for several threads at once: its owner holds a lock or is alone."""

from typing import Generic, TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Lru(Generic[_Key, _Value]):
    """Keeps the `bound` entries used last; a dict's own order is the order of use."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._entries: dict[_Key, _Value] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: _Key) -> _Value | None:
        """None where it is not known; a hit becomes the newest."""
        value = self._entries.pop(key, None)
        if value is not None:
            self._entries[key] = value
        return value

    def put(self, key: _Key, value: _Value) -> _Value:
        """The oldest entry goes when there is no room."""
        self._entries.pop(key, None)
        self._entries[key] = value
        while len(self._entries) > self._bound:
            del self._entries[next(iter(self._entries))]
        return value

    def drop(self, key: _Key) -> None:
        """Whether it is known or not."""
        self._entries.pop(key, None)
