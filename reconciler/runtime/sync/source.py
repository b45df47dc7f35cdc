"""Git as one sync reads it: credentials, resolve, fetch, render. Touches no object of the cluster but one Secret.

A Secret is read by name in the GitSync's own namespace, and used only for hosts that its annotation names: whoever may
write a GitSync could otherwise have any Secret of the namespace sent to a host of their choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.core.git.applied import Wanted
from reconciler.core.git.inventory import written_hash
from reconciler.core.git.rules import UrlPolicy, parse_url
from reconciler.core.git.source import CommitSnapshot, Credentials, GitRemote, Repositories, Revision, SourceError
from reconciler.core.manifests.parse import Manifest, ParseOptions, Validate
from reconciler.core.manifests.render import Kustomizer, RenderCache, Rendered, RenderOptions, render
from reconciler.core.ports import Objects
from reconciler.core.resource import Key, Resource
from reconciler.core.sync.spec import GitSyncSpec
from reconciler.runtime.secrets import SecretError, read_secret
from reconciler.runtime.sync.liveview import AsWritten

ONLY_A_HUMAN_CAN_HELP = frozenset({
    *("InvalidURL", "InvalidRef", "InvalidPath", "InvalidCredentials", "AuthenticationFailed", "HostKeyMismatch"),
    *("CertificateInvalid", "RepositoryNotFound", "RefNotFound", "RepositoryTooLarge", "RepositoryRejected"),
    *("SecretNotFound", "SecretNotAllowed"),
})  # fmt: skip
"""Reasons of a SourceError that stall the sync. It is looked at every interval all the same and recovers by itself."""

_ANYTHING = UrlPolicy(allow_file=True, allow_http=True)
"""Only to read the host: whether the URL is allowed is the adapter's affair."""


@dataclass(frozen=True)
class Found:
    """What Git holds at one revision."""

    revision: Revision
    snapshot: CommitSnapshot
    rendered: Rendered


class SourceReader:
    def __init__(
        self,
        repositories: Repositories,
        objects: Objects,
        kinds: Mapping[str, str],
        validate: Validate,
        kustomizer: Kustomizer | None = None,
    ) -> None:
        """`kinds` are the kinds a repository may hold, with the apiVersion of each: never GitSync itself."""
        self._repositories = repositories
        self._objects = objects
        self._kinds = kinds
        self._validate = validate
        self._kustomizer = kustomizer

    def remote(self, sync: Resource, spec: GitSyncSpec) -> GitRemote:
        return GitRemote(spec.url, self._credentials(sync.namespace, spec) if spec.secret else None)

    def resolve(self, remote: GitRemote, spec: GitSyncSpec) -> Revision:
        return self._repositories.resolve(remote, spec.ref)

    def fetch(self, remote: GitRemote, revision: Revision) -> CommitSnapshot:
        return self._repositories.fetch(remote, revision)

    def render(self, snapshot: CommitSnapshot, spec: GitSyncSpec, cache: RenderCache) -> Rendered:
        parse = ParseOptions(spec.target_namespace, self._kinds, spec.substitute, ignore_others=spec.ignores_others)
        options = RenderOptions(parse=parse, ignore=spec.ignore)
        return render(snapshot, spec.path, options, cache, validate=self._validate, kustomizer=self._kustomizer)

    def _credentials(self, namespace: str, spec: GitSyncSpec) -> Credentials | None:
        url = parse_url(spec.url, _ANYTHING)
        if url.scheme == "file":
            return None
        try:
            values = read_secret(
                self._objects, namespace, spec.secret, url.host, lambda hosts: url.host.lower() in hosts
            )
        except SecretError as error:
            raise SourceError(error.reason, error.message) from None
        return Credentials.from_secret(values)


class Wants:
    """Manifests as `Wanted`, remembered by identity: an unchanged file is hashed once, however many commits pass by."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[Manifest, tuple[str, ...], Wanted]] = {}

    def of(self, rendered: Rendered, spec: GitSyncSpec, as_written: AsWritten) -> tuple[Wanted, ...]:
        """`as_written` gives live specs and Git's the same form, or a default that an author spells out would be an edit."""
        known, self._known = self._known, {}
        wanted = []
        for manifest in rendered.manifests:
            key = Key(manifest.kind, manifest.namespace, manifest.name)
            ignored = spec.ignored(key) if spec.drift_ignore else ()
            before = known.get(manifest.identity)
            unchanged = before and before[0] is manifest and before[1] == ignored
            want = before[2] if before and unchanged else _wanted(manifest, ignored, as_written)
            self._known[manifest.identity] = (manifest, ignored, want)
            wanted.append(want)
        return tuple(wanted)


def _wanted(manifest: Manifest, ignored: tuple[str, ...], as_written: AsWritten) -> Wanted:
    metadata, spec = manifest.value["metadata"], manifest.value.get("spec") or {}
    written = as_written(Resource(manifest.value))
    return Wanted(
        key=Key(manifest.kind, manifest.namespace, manifest.name),
        api_version=manifest.api_version,
        spec=spec,
        written=written,
        hash=written_hash(written, ignored),
        path=manifest.path,
        line=manifest.line,
        labels=metadata.get("labels") or {},
        annotations=metadata.get("annotations") or {},
        ignored=ignored,
    )
