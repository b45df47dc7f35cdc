"""Where notes go: what a GitSync asks for, the name of the ref, and the port through which lines are written.

The ref always has two levels below `refs/notes/`: a ref and a directory of refs cannot share a name, so whoever once made
a note ref `refs/notes/sagemaker-gitops` would shut out every `refs/notes/sagemaker-gitops/<cluster>`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

from reconciler.core.git.rules import UrlPolicy, check_ref, parse_url
from reconciler.core.git.source import GitRemote, Ref, SourceError
from reconciler.core.naming import digest
from reconciler.core.values import Spec

_ROOT = "refs/notes/"
_ANY = UrlPolicy(allow_file=True, allow_http=True)


class NotesRefusedError(SourceError):
    """The server takes no notes under this ref: a hook, a protection rule, or a ref in the way. Only people can help."""

    def __init__(self, message: str) -> None:
        super().__init__("NotesRefused", message)


class NotesContendedError(SourceError):
    """Others kept writing to the same ref, or the Lease was lost. Harmless: it is pushed again later."""

    def __init__(self, message: str) -> None:
        super().__init__("NotesContended", message)


@dataclass(frozen=True)
class NotesSpec:
    """`spec.writeBack.notes` of a GitSync, with what is not said filled in."""

    enabled: bool
    ref: str
    secret: str
    """Of the Secret to push with; empty: the one that is read with, and only because `enabled` says so."""

    @classmethod
    def parse(cls, spec: Spec, cluster: str) -> Self:
        """SourceError InvalidRef for a ref that cannot be.

        Without a word notes are on only where nobody is surprised by a push: for a repository on this machine, and where
        a Secret to write with is named.
        """
        repo, notes = spec.get("repo") or {}, (spec.get("writeBack") or {}).get("notes") or {}
        secret = str((notes.get("secretRef") or {}).get("name") or "")
        local = str(repo.get("url") or "").lower().startswith("file://")
        enabled = notes.get("enabled")
        return cls(
            enabled=bool(secret or local) if enabled is None else bool(enabled),
            ref=note_ref(cluster, str(notes.get("ref") or "")),
            secret=secret or str((repo.get("secretRef") or {}).get("name") or ""),
        )


def note_ref(cluster: str, asked: str = "") -> str:
    """The full name of the ref; SourceError InvalidRef when it is not one of at least two levels below refs/notes/."""
    ref = asked or f"{_ROOT}sagemaker-gitops/{cluster}"
    try:
        check_ref(Ref(branch=ref.removeprefix("refs/")))
        valid = ref.startswith(_ROOT) and "/" in ref.removeprefix(_ROOT) and ref.isascii()
    except SourceError:
        valid = False
    if not valid:
        raise SourceError("InvalidRef", "spec.writeBack.notes.ref: give refs/notes/<one>/<two>, in git's own rules")
    return ref


@dataclass(frozen=True)
class NotesTarget:
    """One note ref of one repository, with the credentials to write it."""

    remote: GitRemote
    ref: str

    @property
    def digest(self) -> str:
        """Names the Lease: equal for whoever writes to this ref, with whatever credentials."""
        return digest([parse_url(self.remote.url, _ANY).text, self.ref])


@dataclass(frozen=True)
class Written:
    """What became of a batch. All of it is on the remote now, but for what was `skipped`."""

    pushed: bool
    """False when every line was there already."""
    skipped: Mapping[str, str] = field(default_factory=dict)
    """Commit to why its lines can never be written there."""


class Notes(Protocol):
    """Writes to note refs, and looks through them; safe for many threads."""

    def append(
        self, target: NotesTarget, lines: Mapping[str, Sequence[str]], may_write: Callable[[], bool] = lambda: True
    ) -> Written:
        """Add rendered lines to the notes of commits, in one push; lines that are there already are left alone.

        Returns when the remote has them. SourceError otherwise: then some or all may be there, and saying it again is safe.
        `may_write` is asked just before the push.
        """
        ...

    def find(self, target: NotesTarget, *texts: str) -> Sequence[str]:
        """The lines with one of these texts in the notes of all commits, bounded in number. SourceError: they cannot be read."""
        ...
