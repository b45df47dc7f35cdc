"""Which files of a tree are left out: gitignore syntax, in `.sourceignore` files and in `spec.repo.ignore`, as Flux reads them.

Order as in Flux, the last match winning: the defaults, every `.sourceignore` from the root down, `spec.repo.ignore`.
A pattern from the tree is hostile: it becomes a regular expression, so its length and number of wildcards are bounded.
"""

import re
from collections.abc import Iterable

from pathspec import GitIgnoreSpec

IGNORE_FILE = ".sourceignore"

_DEFAULTS = (
    *(".git/", ".gitignore", ".gitmodules", ".gitattributes"),
    *("*.jpg", "*.jpeg", "*.gif", "*.png", "*.wmv", "*.flv", "*.tar.gz", "*.zip"),
    *(".github/", ".circleci/", ".travis.yml", ".gitlab-ci.yml", "appveyor.yml", ".drone.yml", "cloudbuild.yaml"),
    *("codeship-services.yml", "codeship-steps.yml", ".pre-commit-config.yaml"),
    *("**/.goreleaser.yml", "**/.sops.yaml", "**/.flux.yaml"),
)
_BYTES = 64 * 1024
_LINES = 200
_LENGTH = 256
# Each run of wildcards multiplies the cost of a name that does not match.
_WILDCARDS = 3
_RUN = re.compile(r"\*+")
_SPECIAL = re.compile(r"([*?\[\]\\!# ])")


class IgnoreError(Exception):
    """The rules cannot be used; `line` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


class Ignore:
    """Compiled rules over paths from the root of the repository."""

    def __init__(self, files: Iterable[tuple[str, bytes]] = (), own: str = "") -> None:
        """Take `.sourceignore` files as (directory, content), outermost first, and the text of `spec.repo.ignore`."""
        lines = list(_DEFAULTS)
        for directory, content in files:
            lines += patterns(directory, content)
        lines += own.splitlines()
        self._spec = GitIgnoreSpec.from_lines(lines)

    def __contains__(self, path: str) -> bool:
        return bool(self._spec.match_file(path))


def patterns(directory: str, content: bytes) -> list[str]:
    """The rules of one file as rules from the root."""
    text = content.decode("utf-8", "replace")
    lines = text.splitlines()
    if len(content) > _BYTES or len(lines) > _LINES:
        raise IgnoreError(1, f"more than {_LINES} lines or {_BYTES} bytes of ignore rules")
    found = []
    for number, line in enumerate(lines, 1):
        if len(line) > _LENGTH or len(_RUN.findall(line)) > _WILDCARDS:
            raise IgnoreError(number, f"an ignore rule has at most {_LENGTH} characters and {_WILDCARDS} wildcards")
        if line.strip() and not line.startswith("#"):
            found.append(_from_root(directory, line))
    _compile(found)
    return found


def _from_root(directory: str, pattern: str) -> str:
    if not directory:
        return pattern
    negation = "!" if pattern.startswith("!") else ""
    pattern = pattern.removeprefix("!")
    below = "/" + _SPECIAL.sub(r"\\\1", directory) + "/"
    anchored = "/" in pattern.rstrip().rstrip("/")
    return negation + below + (pattern.lstrip("/") if anchored else f"**/{pattern}")


def _compile(lines: list[str]) -> None:
    try:
        GitIgnoreSpec.from_lines(lines)
    except ValueError as error:
        raise IgnoreError(1, str(error).splitlines()[0]) from None
