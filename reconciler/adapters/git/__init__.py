"""Git over its own command: what is read from repositories (`repositories`) and the notes written to them (`notes`).

Both work in bare repositories of their own on this disk, which `bare_cache` locks, bounds, judges and recreates.
"""

from reconciler.adapters.git.notes import GitNotes, NotesLimits
from reconciler.adapters.git.object_store import ReadLimits
from reconciler.adapters.git.repositories import GitLimits, GitRepositories

__all__ = ["GitLimits", "GitNotes", "GitRepositories", "NotesLimits", "ReadLimits"]
