"""YAML bytes to plain JSON values, with the line of every value on demand.

Knows how the Kubernetes command line reads YAML and reads it the same way, because a manifest must mean the same through Git
and through `kubectl apply`. Plain scalars follow go-yaml v2, not PyYAML: `1e-3` is a number, `2020-01-01` and `1:30` are
strings, `yes` and `on` are booleans, and an integral float is an integer (`60.0` is 60 once it has been JSON).

Content is hostile until proven otherwise: size, depth, documents and expanded values are bounded, duplicate keys, tags
and control characters are refused. Knows nothing of Kubernetes objects; the callers are core/manifests/parse.py and
`reconciler validate`.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from math import isfinite

import yaml

from reconciler.core.pointers import child
from reconciler.core.values import Json

__all__ = ["DEFAULT", "Document", "Limits", "YamlError", "documents"]


class YamlError(Exception):
    """The bytes are not YAML that we accept; `line` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line
        self.message = message


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost. `values` counts every scalar, list and mapping after aliases are expanded."""

    size_bytes: int = 4 * 1024 * 1024
    documents: int = 5_000
    depth: int = 64
    values: int = 500_000


DEFAULT = Limits()


@dataclass(frozen=True)
class Document:
    """One document of a file: its value, the line it starts on, and the line of any JSON Pointer into it."""

    value: Json
    line: int
    _root: Callable[[], yaml.Node]

    def line_of(self, pointer: str) -> int:
        """Return the line of the nearest existing node: of a missing key its parent's, of a mapping entry its key's."""
        line = self.line
        lines = self._lines
        while pointer:
            if pointer in lines:
                return lines[pointer]
            pointer = pointer.rpartition("/")[0]
        return line

    @cached_property
    def _lines(self) -> dict[str, int]:
        found: dict[str, int] = {}
        _mark(self._root(), "", found, DEFAULT.values)
        return found


def documents(data: bytes, limits: Limits = DEFAULT) -> Iterator[Document]:
    """Yield the documents of a file, leaving out empty ones; raise YamlError where the file stops being acceptable.

    Documents before the error have been yielded by then, which lets a caller report an error without losing the rest.
    """
    _refuse_bytes(data, limits)
    _refuse_depth(data)
    loader = _Loader(data)
    budget = _Budget(limits)
    try:
        for index in range(limits.documents + 1):
            node = _guarded(loader)
            if node is None:
                return
            if index == limits.documents:
                raise YamlError(_line(node), f"more than {limits.documents} documents in one file")
            value = budget.value(node, limits.depth)
            if value is not None:
                yield Document(value, _line(node), _again(data, index))
    finally:
        loader.dispose()


_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def _refuse_bytes(data: bytes, limits: Limits) -> None:
    if len(data) > limits.size_bytes:
        raise YamlError(1, f"the file has {len(data)} bytes, more than the {limits.size_bytes} allowed")
    if found := _FORBIDDEN.search(data):
        # UTF-16 ends here as well: Kubernetes reads UTF-8 alone.
        line = data.count(b"\n", 0, found.start()) + 1
        raise YamlError(line, f"control character 0x{data[found.start()]:02x} is not allowed")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise YamlError(data.count(b"\n", 0, error.start) + 1, "not UTF-8 text") from None


_INDENT = re.compile(rb"^[ \t?:-]{400}", re.MULTILINE)
_SAFE_DEPTH = 1_000


def _refuse_depth(data: bytes) -> None:
    """PyYAML's C composer recurses on the C stack: 100,000 open brackets end the process. Bound the depth before it runs.

    Block collections nest by indentation, flow collections by brackets, so a file with few brackets and short indents is
    safe at sight; others are walked event by event, which does not recurse.
    """
    if data.count(b"[") + data.count(b"{") < _SAFE_DEPTH and not _INDENT.search(data):
        return
    depth = 0
    with suppress(yaml.YAMLError):  # a syntax error is reported later, with what came before it
        for event in yaml.parse(data, Loader=_Loader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > _SAFE_DEPTH:
                    raise YamlError(_line(event), "nested too deeply")
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1


_INT = re.compile(r"[-+]?(?:0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")
_TRUE = frozenset({"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})
_FALSE = frozenset({"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TAG = "tag:yaml.org,2002:"
_WORDS = {**dict.fromkeys(_TRUE | _FALSE, _TAG + "bool"), **dict.fromkeys(_NULL, _TAG + "null"), "<<": _TAG + "merge"}
_WORD_STARTS = frozenset(word[:1] for word in _WORDS)
_NUMBER_STARTS = frozenset("-+.0123456789")


class _Loader(yaml.CSafeLoader):
    """The C parser and composer with go-yaml's idea of what a plain scalar means."""

    def resolve(self, kind: type[yaml.Node], value: str | None, implicit: tuple[bool, bool]) -> str:
        if kind is not yaml.ScalarNode:
            return _TAG + ("map" if kind is yaml.MappingNode else "seq")
        if value is None or not implicit[0]:
            return _TAG + "str"
        start = value[:1]
        if start in _WORD_STARTS and value in _WORDS:
            return _WORDS[value]
        if start in _NUMBER_STARTS:
            if _INT.match(value):
                return _TAG + "int"
            if _FLOAT.match(value) or _NOT_FINITE.match(value):
                return _TAG + "float"
        return _TAG + "str"


def _guarded(loader: _Loader) -> yaml.Node | None:
    """The next document's node; the parser's several errors become one."""
    try:
        return loader.get_node() if loader.check_node() else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        text = ", ".join(part for part in (error.context, error.problem) if part)
        raise YamlError(mark.line + 1 if mark else 1, text or "not YAML") from None
    except yaml.YAMLError as error:
        raise YamlError(1, str(error).splitlines()[0]) from None


class _Budget:
    """Turns nodes into values and counts what that costs, over all documents of one file."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._left = limits.values

    def value(self, node: yaml.Node, depth: int) -> Json:
        self._left -= 1
        if self._left < 0:
            raise YamlError(_line(node), f"more than {self._limits.values} values once aliases are expanded")
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if depth == 0:
            # An alias to an enclosing node ends here too.
            raise YamlError(_line(node), f"nested more than {self._limits.depth} levels deep")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, depth)
        if node.tag != _TAG + "seq":
            raise YamlError(_line(node), f"tag {node.tag} is not supported")
        return [self.value(item, depth - 1) for item in node.value]

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Json]:
        if node.tag != _TAG + "map":
            raise YamlError(_line(node), f"tag {node.tag} is not supported")
        found: dict[str, Json] = {}
        merged: list[dict[str, Json]] = []
        for key_node, value_node in node.value:
            if key_node.tag == _TAG + "merge":
                merged += self._merged(value_node, depth)
                continue
            key = _key(key_node)
            if key in found:
                raise YamlError(_line(key_node), f'the key "{key}" is given twice')
            found[key] = self.value(value_node, depth - 1)
        for source in merged:  # written keys win, then the earlier of several sources
            found = {**source, **found}
        return found

    def _merged(self, node: yaml.Node, depth: int) -> list[dict[str, Json]]:
        value = self.value(node, depth - 1)
        sources = value if isinstance(value, list) else [value]
        if not all(isinstance(source, dict) for source in sources):
            raise YamlError(_line(node), "a merge (<<) takes a mapping or a list of mappings")
        return sources


def _key(node: yaml.Node) -> str:
    """Kubernetes' reader makes strings of booleans and numbers used as keys."""
    if not isinstance(node, yaml.ScalarNode):
        raise YamlError(_line(node), "a key must be a string")
    value = _scalar(node)
    if value is None:
        raise YamlError(_line(node), "a key must be a string, not null")
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


_ESCAPED_NUL = "\x00"


def _scalar(node: yaml.ScalarNode) -> str | int | float | None:
    tag = node.tag
    text: str = node.value
    if tag == "tag:yaml.org,2002:str":
        # Only an escape in double quotes can still bring one in, past the check of the bytes.
        if node.style == '"' and _ESCAPED_NUL in text:
            raise YamlError(_line(node), "the character NUL is not allowed")
        return text
    if tag == "tag:yaml.org,2002:int" and _INT.match(text):
        return _integer(text, _line(node))
    if tag == "tag:yaml.org,2002:float" and (_FLOAT.match(text) or _INT.match(text)):
        return _float(text, _line(node))
    if tag == "tag:yaml.org,2002:bool" and text in _TRUE | _FALSE:
        return text in _TRUE
    if tag == "tag:yaml.org,2002:null" and text in _NULL:
        return None
    if tag == "tag:yaml.org,2002:float":
        raise YamlError(_line(node), f"{text} is not a finite number")
    if tag == "tag:yaml.org,2002:merge":
        return text
    raise YamlError(_line(node), f"tag {tag} is not supported")


_UINT64_BITS = 64


def _integer(text: str, line: int) -> int | float:
    plain = text.replace("_", "")
    sign, digits = (plain[0], plain[1:]) if plain[0] in "+-" else ("", plain)
    if digits.isdigit() and digits[0] == "0" and len(digits) > 1:
        if not set(digits) <= set("01234567"):  # not octal after all: go-yaml then reads a float
            return _float(plain, line)
        digits = "0o" + digits[1:]
    if len(digits) > 70:  # more digits than any base needs for 64 bits, before the quadratic conversion
        return _float(plain, line)
    value = int(sign + digits, 0)
    return value if value.bit_length() <= _UINT64_BITS else _float(plain, line)


# Go writes a float as an integer up to this magnitude when it turns YAML into JSON.
_LARGEST_PLAIN = 1e21


def _float(text: str, line: int) -> int | float:
    value = float(text.replace("_", ""))
    if not isfinite(value):
        raise YamlError(line, f"{text[:40]} is not a finite number")
    return int(value) if value.is_integer() and abs(value) < _LARGEST_PLAIN else value


def _line(node: yaml.Node | yaml.Event) -> int:
    line: int = node.start_mark.line  # type: ignore[union-attr]
    return line + 1


def _again(data: bytes, index: int) -> Callable[[], yaml.Node]:
    """Compose the file again up to one document: lines are wanted for few files, and nodes are large to keep."""

    def root() -> yaml.Node:
        loader = _Loader(data)
        try:
            for _ in range(index):
                _guarded(loader)
            node = _guarded(loader)
            assert node is not None  # noqa: S101 (it was composed once from the same bytes)
            return node
        finally:
            loader.dispose()

    return root


def _mark(node: yaml.Node, pointer: str, found: dict[str, int], left: int) -> int:
    """Record lines below a node; returns what is left of the budget. A merged key has the line of its source."""
    if left <= 0:
        return 0
    left -= 1
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            if key_node.tag == _TAG + "merge":
                sources = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                for source in sources:
                    left = _mark(source, pointer, found, left)
                continue
            there = child(pointer, _key(key_node))
            found[there] = _line(key_node)
            left = _mark(value_node, there, found, left)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            there = child(pointer, index)
            found[there] = _line(item)
            left = _mark(item, there, found, left)
    return left
