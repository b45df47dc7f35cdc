"""The service's patterns in the one dialect that the API server and we both judge by.

SageMaker's model writes Java regular expressions that match a value in full. A CRD takes RE2, which has no lookaround, repeats at
most 1,000 times and searches. `translate` gives the RE2 body (core/crd.py anchors it) or fails: a pattern that means something
else, or nothing, on the API server must stop the generation. Every rewriting was tried on kube-apiserver 1.37.
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
_UNSUPPORTED = re.compile(r"\(\?(?!:)|\\[1-9]|\\u|\\p\{(?!L\}|N\}|Z\})|[*+?}]\+")


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


@lru_cache(maxsize=512)
def _compiled(re2: str) -> regex.Pattern[str]:
    r"""RE2's \d, \s and \w are ASCII; its \p{L} is not, so the ASCII flag of `regex` cannot be used for the whole."""
    ours = _CODE_POINT.sub(lambda found: f"\\U{int(found[1], 16):08X}", re2)
    for theirs, ascii_class in ((r"\d", "0-9"), (r"\s", r"\t\n\f\r "), (r"\w", "0-9A-Za-z_")):
        ours = _outside(ours, theirs, ascii_class)
    return regex.compile(ours, regex.VERSION0)


def _outside(pattern: str, escape: str, members: str) -> str:
    r"""Replace a class escape by its ASCII members, bracketed unless it stands inside brackets already."""
    found: list[str] = []
    index, in_class = 0, False
    while index < len(pattern):
        two = pattern[index : index + 2]
        if two == escape:
            found.append(members if in_class else f"[{members}]")
            index += 2
        elif two[0] == "\\":
            found.append(two)
            index += 2
        else:
            in_class = (in_class or two[0] == "[") and two[0] != "]"
            found.append(two[0])
            index += 1
    return "".join(found)


def matches(re2: str, text: str) -> bool:
    """Whether the whole text matches, as the API server judges the anchored pattern."""
    return _compiled(re2).fullmatch(text) is not None
