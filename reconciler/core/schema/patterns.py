"""The service's patterns in the one dialect that the API server and we both judge by.

SageMaker's model writes Java regular expressions that match a value in full. A CRD takes RE2, which has no lookaround,
repeats at most 1,000 times and searches. `translate` gives the RE2 body (core/schema/crd.py anchors it) or fails: a
pattern that means something else, or nothing, on the API server must stop the generation. Every rewriting was tried on
kube-apiserver 1.37.
"""

from __future__ import annotations

import re
from functools import lru_cache

import regex

__all__ = ["UntranslatableError", "matches", "translate"]


class UntranslatableError(ValueError):
    """A pattern of the service that needs a new rule here."""


_EVERYTHING = frozenset({r"[\S\s]*", r"[\s\S]*"})

_REWRITES = (
    # A name that may not end in a hyphen.
    (r"([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-)", r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"),
    # No two dots in a row. As text for the API server's CEL (`!self.contains('..')`) this would cost 11 times the budget
    # inside an unbounded list of models.
    (r"/(?!.*\.\.)[a-zA-Z0-9/_.\-]+", r"/((\.?[a-zA-Z0-9/_\-])+\.?|\.)"),
    # Not only blanks.
    (r"(?!\s*$).+", r".*\S.*"),
    # Java's classes, which are ASCII.
    (r"\p{Alnum}", "a-zA-Z0-9"),
    (r"\p{Print}", r"[ -~]"),
    # All characters beyond the first plane, written as surrogates.
    (r"\uD800\uDC00-\uDBFF\uDFFF", r"\x{10000}-\x{10FFFF}"),
)
_UNICODE = re.compile(r"\\u([0-9A-Fa-f]{4})")
_REPEAT = re.compile(r"\{(\d+),(\d+)\}")
_RE2_REPEATS = 1000
_UNSUPPORTED = re.compile(r"\(\?(?!:)|\\[1-9]|\\u|\\p\{(?![LMNPSZ]\})|[*+?}]\+")


def translate(pattern: str) -> str | None:
    """The RE2 body of a pattern of the service model; None where everything matches."""
    if pattern in _EVERYTHING:
        return None
    body = pattern
    for theirs, ours in _REWRITES:
        body = body.replace(theirs, ours)
    body = _UNICODE.sub(r"\\x{\1}", body)
    body = _REPEAT.sub(_repeat, body)
    if _UNSUPPORTED.search(body):
        raise UntranslatableError(f"no RE2 form is known for the pattern {pattern!r}")
    return body


def _repeat(found: re.Match[str]) -> str:
    """RE2 repeats at most 1,000 times; where the service says more, maxLength holds the bound."""
    low, high = int(found[1]), int(found[2])
    if high <= _RE2_REPEATS:
        return found[0]
    if low > 1:
        raise UntranslatableError(f"a repetition of {found[0]} has no RE2 form")
    return "+" if low else "*"


_CODE_POINT = re.compile(r"\\x\{([0-9A-Fa-f]+)\}")


_ASCII = {"d": "0-9", "s": r"\t\n\f\r ", "w": "0-9A-Za-z_"}


@lru_cache(maxsize=512)
def _compiled(re2: str) -> regex.Pattern[str]:
    r"""RE2's \d, \s and \w are ASCII; its \p{L} is not, so the ASCII flag of `regex` cannot be used for the whole."""
    plain = re2.replace(r"[\S]", r"\S").replace(r"[\s\S]", "(?s:.)").replace(r"[\S\s]", "(?s:.)")
    ours = _CODE_POINT.sub(lambda found: f"\\U{int(found[1], 16):08X}", plain)
    return regex.compile(_ascii_classes(ours), regex.VERSION0)


def _ascii_classes(pattern: str) -> str:
    """Class escapes as their ASCII members, bracketed unless they stand inside brackets already."""
    found: list[str] = []
    index, in_class = 0, False
    while index < len(pattern):
        two = pattern[index : index + 2]
        if two[0] != "\\":
            in_class = (in_class or two[0] == "[") and two[0] != "]"
            found.append(two[0])
            index += 1
            continue
        members = _ASCII.get(two[1:].lower())
        negated = two[1:].isupper() and members is not None
        if negated and in_class:
            raise UntranslatableError(f"{two} inside brackets has no form here: {pattern!r}")
        if members is None:
            found.append(two)
        else:
            found.append(members if in_class else f"[{'^' if negated else ''}{members}]")
        index += 2
    return "".join(found)


def matches(re2: str, text: str) -> bool:
    """Whether the whole text matches, as the API server judges the anchored pattern."""
    return _compiled(re2).fullmatch(text) is not None
