"""The cluster with the caller's own rights: reading this project's kinds, and the few conditional patches this plugin makes.

Every write names the field manager `sagemaker-cli`. It must not begin with `kubectl`: Flux takes fields of such managers away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from reconciler.adapters.kube.api import Api
from reconciler.adapters.kube.cache import KubeCache
from reconciler.adapters.kube.client import MERGE_PATCH, READ_TIMEOUT_S, KubeClient, Query
from reconciler.adapters.kube.informer import PAGE
from reconciler.core.errors import DeniedError, NotFoundError, PreconditionError, StaleError, TransientError
from reconciler.core.resource import Key, Resource
from reconciler.plugins.connection import ConnectionFlags
from reconciler.plugins.kubeconfig import UserConnection
from reconciler.plugins.sagemaker.kinds import KnownKind, every_kind, kind_named, known

MANAGER = "sagemaker-cli"
_TRIES = 5
_NAMESPACES = Api("", "v1", "namespaces", namespaced=False)

Change = Callable[[Resource], Mapping[str, Any] | None]
"""From an object as it is to the patch that is wanted; None when nothing is."""


class Cluster:
    def __init__(self, flags: ConnectionFlags, *, all_namespaces: bool = False) -> None:
        connection = UserConnection(flags)
        self.namespace = connection.namespace
        self.all_namespaces = all_namespaces
        self._client = KubeClient(connection=connection)
        # As in kubectl nought means no limit; ours is then the one that every read here has.
        self._timeout_s = (flags.request_timeout or timedelta()).total_seconds() or READ_TIMEOUT_S

    @property
    def where(self) -> str:
        return "any namespace" if self.all_namespaces else f"namespace {self.namespace}"

    @property
    def scope(self) -> str:
        """The namespace of a request; empty for all of them."""
        return "" if self.all_namespaces else self.namespace

    def every(self, namespace: str | None = None, kinds: Iterable[KnownKind] | None = None) -> list[Resource]:
        """All objects of this project's kinds, syncs first."""
        where = self.scope if namespace is None else namespace
        found: list[Resource] = []
        missing: list[str] = []
        wanted = list(every_kind() if kinds is None else kinds)
        for kind in wanted:
            try:
                found += self._listed(kind, where)
            except NotFoundError:
                missing.append(kind.plural)
        if wanted and len(missing) == len(wanted):
            raise _not_installed(", ".join(missing))
        return found

    def find(self, key: Key) -> Resource | None:
        api = _api(known(key.kind))
        try:
            return Resource(self._read(api, key.namespace, key.name))
        except NotFoundError as error:
            if f'"{key.name}"' in str(error):
                return None
            raise _not_installed(f"{api.plural}.{api.group}") from None

    def named(self, words: str | Sequence[str], kinds: Iterable[str] | None = None) -> Resource:
        """One object by NAME, KIND/NAME or the two words KIND NAME; a name alone is looked for in all kinds."""
        kind, name = split_target(words)
        wanted = [one for one in every_kind() if kinds is None or one.kind in kinds]
        if kind is not None:
            found = self.find(Key(kind.kind, self.namespace, name))
            if found is None:
                raise self._absent(f"{kind.kind} {name!r} is", kind.plural)
            return found
        every: list[Resource] = []
        missing: list[PreconditionError] = []
        for one in wanted:
            try:
                every += filter(None, [self.find(Key(one.kind, self.namespace, name))])
            except PreconditionError as error:
                missing.append(error)
        if len(missing) == len(wanted):
            raise missing[0]
        if not every:
            noun = (
                f"{wanted[0].kind} {name!r} is"
                if len(wanted) == 1
                else f"a GitSync or SageMaker resource named {name!r} is"
            )
            raise self._absent(noun, wanted[0].plural if len(wanted) == 1 else "sagemaker,gitsyncs")
        if len(every) > 1:
            several = ", ".join(f"{one.kind.lower()}/{one.name}" for one in every)
            raise PreconditionError(f"{name!r} names several objects; say which: {several}")
        return every[0]

    def targets(self, words: Sequence[str]) -> list[str]:
        """What several words name, each as NAME or KIND/NAME: names, or as in kubectl a kind and names of it. A kind's word
        that an object has for its name is a name.
        """
        kind = kind_named(words[0]) if len(words) > 1 and not any("/" in word for word in words) else None
        if kind is None or self._is_a_name(words[0]):
            return list(words)
        return [f"{kind.kind}/{name}" for name in words[1:]]

    def _is_a_name(self, word: str) -> bool:
        """Of an object of any kind that is installed and may be read."""
        for one in every_kind():
            with suppress(PreconditionError, DeniedError):
                if self.find(Key(one.kind, self.namespace, word)) is not None:
                    return True
        return False

    def patch(self, key: Key, change: Change) -> Resource:
        """Read, decide, write at the version that was decided on; again when the object moved meanwhile."""
        for _ in range(_TRIES):
            seen = self.find(key)
            if seen is None:
                raise PreconditionError(f"{key} was deleted meanwhile")
            wanted = change(seen)
            if wanted is None:
                return seen
            body = {**wanted, "metadata": {**wanted.get("metadata", {}), "resourceVersion": seen.resource_version}}
            path = _api(known(key.kind)).path(key.namespace, key.name)
            try:
                query = {"fieldManager": MANAGER}
                return Resource(
                    self._client.request("PATCH", path, query, body, MERGE_PATCH, timeout_s=self._timeout_s)
                )
            except StaleError:
                continue
            except DeniedError as error:
                raise DeniedError(f"{error}. Ask for the right to patch {_api(known(key.kind)).plural}") from None
        raise StaleError(f"{key} keeps changing; try again")

    def check_namespace(self) -> None:
        """Raise PreconditionError when the one that is asked about does not exist: nothing in it would look like nothing wrong."""
        if self.all_namespaces:
            return
        try:
            self._client.request("GET", f"{_NAMESPACES.path()}/{self.namespace}", timeout_s=self._timeout_s)
        except NotFoundError:
            raise PreconditionError(
                f"there is no namespace {self.namespace}; see: kubectl get namespaces, or choose another with -n"
            ) from None
        except DeniedError:
            return  # whoever may not read namespaces is believed

    def namespaces(self) -> list[str]:
        found = self._client.request("GET", _NAMESPACES.path(), timeout_s=self._timeout_s)
        return [one["metadata"]["name"] for one in found["items"]]

    def cache(self, kinds: Iterable[KnownKind], namespaces: Sequence[str] | None = None) -> KubeCache:
        """A view that keeps itself current by watching; the caller starts and stops it."""
        where = ((self.scope,) if self.scope else ()) if namespaces is None else namespaces
        return KubeCache(self._client, {kind.kind: _api(kind) for kind in kinds}, namespaces=where)

    def _listed(self, kind: KnownKind, namespace: str) -> Iterator[Resource]:
        """Page by page: a sync may hold thousands."""
        api, token = _api(kind), ""
        while True:
            page = self._read(api, namespace, query={"limit": PAGE, **({"continue": token} if token else {})})
            # Lists of some servers leave both out of their items.
            yield from (Resource({"apiVersion": api.api_version, "kind": kind.kind, **one}) for one in page["items"])
            token = page["metadata"].get("continue", "")
            if not token:
                return

    def _read(self, api: Api, namespace: str, name: str = "", query: Query | None = None) -> Any:
        try:
            return self._client.request("GET", api.path(namespace, name), query, timeout_s=self._timeout_s)
        except DeniedError as error:
            verb = "get" if name else "list"
            where = f"in {namespace}" if namespace else "in all namespaces"
            raise DeniedError(f"{error}. Ask for the right to {verb} {api.plural} {where}") from None
        except TransientError as error:
            raise type(error)(f"{error}. Is it the right cluster and user? See: kubectl config view --minify") from None

    def _absent(self, what: str, plural: str) -> PreconditionError:
        return PreconditionError(
            f"{what} not in {self.where}; see: kubectl get {plural} --namespace {self.namespace}, "
            "or choose another with -n"
        )


def split_target(words: str | Sequence[str]) -> tuple[KnownKind | None, str]:
    """NAME, KIND/NAME, or two words KIND NAME."""
    parts = [words] if isinstance(words, str) else list(words)
    if len(parts) == 1 and "/" in parts[0]:
        parts = parts[0].split("/", 1)
    if len(parts) == 1:
        return None, parts[0]
    kind = kind_named(parts[0])
    if kind is None or len(parts) != 2 or not parts[1]:
        kinds = ", ".join(one.kind for one in every_kind())
        raise PreconditionError(f"{'/'.join(parts)!r} is no NAME and no KIND/NAME; kinds are {kinds}")
    return kind, parts[1]


def annotated(changes: Mapping[str, str | None]) -> dict[str, Any]:
    """A merge patch of annotations; None takes one away."""
    return {"metadata": {"annotations": dict(changes)}}


def _api(kind: KnownKind) -> Api:
    return Api(kind.group, kind.version, kind.plural)


def _not_installed(what: str) -> PreconditionError:
    return PreconditionError(
        f"this cluster does not know {what}; "
        "install the definitions with: reconciler crds | kubectl apply --server-side -f -"
    )
