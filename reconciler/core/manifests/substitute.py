"""`${NAME}` in manifests, replaced by what the GitSync declares: strict, in strings only, after the YAML was read.

After, so that no value can bring YAML of its own. Strict, because a forgotten name would otherwise reach AWS as text:
an undeclared name, a default (`${A:-b}`) or a malformed one is an error. `$${` stands for `${`. With nothing declared nothing
is replaced and nothing refused: the manifest then means the same here and under `kubectl apply`.
"""

import re
from collections.abc import Mapping

from reconciler.core.pointers import child
from reconciler.core.values import Json

_PLACE = re.compile(r"\$\$\{|\$\{([^{}\n]{0,200})\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_GROWTH_LIMIT = 4 * 1024 * 1024


class SubstitutionError(Exception):
    """A place that cannot be filled; `pointer` says where."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message)
        self.pointer = pointer
        self.message = message


def substitute(value: Json, declared: Mapping[str, str]) -> Json:
    """Return a JSON value with every place filled, or raise SubstitutionError at the first that cannot be."""
    return _Filling(declared).fill(value, "") if declared else value


class _Filling:
    def __init__(self, declared: Mapping[str, str]) -> None:
        self._declared = declared
        self._left = _GROWTH_LIMIT  # many places times one long value

    def fill(self, value: Json, pointer: str) -> Json:
        if isinstance(value, dict):
            return {key: self.fill(item, child(pointer, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item, child(pointer, index)) for index, item in enumerate(value)]
        if isinstance(value, str) and "${" in value:
            return _PLACE.sub(lambda found: self._one(found, pointer), value)
        return value

    def _one(self, found: re.Match[str], pointer: str) -> str:
        name = found[1]
        if name is None:
            return "${"
        if name not in self._declared:
            if not _NAME.match(name):
                raise SubstitutionError(pointer, f"${{{name}}} is not a plain name; write $${{ for a literal ${{")
            raise SubstitutionError(
                pointer, f"${{{name}}} is not declared in spec.substitute; write $${{ for a literal ${{"
            )
        filled = self._declared[name]
        self._left -= len(filled)
        if self._left < 0:
            raise SubstitutionError(pointer, "the filled values are too long")
        return filled
