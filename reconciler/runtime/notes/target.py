"""Where the notes of a GitSync go, from its spec and from the Secret it names for writing. Called by `outbox.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from reconciler.core.git.source import GitRemote, SourceError
from reconciler.core.notes.target import NotesSpec, NotesTarget
from reconciler.core.resource import Key, Resource
from reconciler.core.sync.spec import GitSyncSpec


class GitSyncTargets:
    """Implements `outbox.Targets`. `remote` is `SourceReader.remote`: it reads the Secret that the spec it is given
    names, and only one that allows this host.
    """

    def __init__(
        self,
        syncs: Callable[[Key], Resource | None],
        remote: Callable[[Resource, GitSyncSpec], GitRemote],
        cluster: str,
    ) -> None:
        self._syncs = syncs
        self._remote = remote
        self._cluster = cluster

    def wanted(self, sync: Key) -> bool:
        """A ref that cannot be is wanted too: the flush says what is wrong with it."""
        resource = self._syncs(sync)
        if resource is None or resource.deleting:
            return False
        try:
            return NotesSpec.parse(resource.spec, self._cluster).enabled
        except SourceError:
            return True

    def target(self, sync: Key) -> NotesTarget | None:
        resource = self._syncs(sync)
        if resource is None or resource.deleting:
            return None
        notes = NotesSpec.parse(resource.spec, self._cluster)
        if not notes.enabled:
            return None
        spec = GitSyncSpec.parse(resource.spec, resource.namespace)
        return NotesTarget(self._remote(resource, replace(spec, secret=notes.secret)), notes.ref)
