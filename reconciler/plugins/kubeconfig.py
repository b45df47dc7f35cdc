"""A connection to the cluster as kubectl would make it: the kubeconfig files merged, the flags laid over them.

Credentials, TLS and connections are the kubernetes package's, by way of `adapters.kube`. What that package lacks is done here:
the flags, the order of several files in KUBECONFIG (the first that says something wins, as in kubectl) and impersonation.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3
import yaml
from kubernetes.config.incluster_config import SERVICE_HOST_ENV_NAME, SERVICE_TOKEN_FILENAME
from kubernetes.config.kube_config import ConfigNode, KubeConfigLoader

from reconciler.adapters.kube.connection import Connection
from reconciler.core.errors import PreconditionError
from reconciler.plugins.connection import ConnectionFlags

_POD_NAMESPACE = Path(SERVICE_TOKEN_FILENAME).with_name("namespace")
_DEFAULT_FILE = "~/.kube/config"
_OWN_CREDENTIALS = ("tokenFile", "exec", "auth-provider", "username", "password")


@dataclass(frozen=True)
class KubeconfigEntry:
    """A cluster or user of a kubeconfig; paths in it are relative to the file it came from."""

    body: Mapping[str, Any] = field(default_factory=dict)
    file: str | None = None


@dataclass(frozen=True)
class Chosen:
    """Where to go and who to be, after files and flags."""

    cluster: KubeconfigEntry
    user: KubeconfigEntry
    namespace: str

    @property
    def impersonation(self) -> list[tuple[str, str]]:
        user = self.user.body
        headers = [("Impersonate-User", user.get("as")), ("Impersonate-Uid", user.get("as-uid"))]
        headers += [("Impersonate-Group", group) for group in user.get("as-groups") or ()]
        for name, values in (user.get("as-user-extra") or {}).items():
            headers += [(f"Impersonate-Extra-{name}", value) for value in values]
        return [(name, str(value)) for name, value in headers if value]


def choose(files: Sequence[tuple[str, Mapping[str, Any]]], flags: ConnectionFlags) -> Chosen:
    """The rules of kubectl over the files' contents, first file first."""
    current = flags.context or next(
        (str(body["current-context"]) for _, body in files if body.get("current-context")), ""
    )
    context = _named(files, "context", current, must_exist=bool(current)).body
    cluster_name = flags.cluster or str(context.get("cluster") or "")
    user_name = flags.user or str(context.get("user") or "")
    cluster = _with_cluster_flags(_named(files, "cluster", cluster_name, must_exist=bool(cluster_name)), flags)
    user = _with_user_flags(_named(files, "user", user_name, must_exist=bool(flags.user)), flags)
    if not cluster.body.get("server"):
        raise PreconditionError(
            "no Kubernetes cluster is configured; name one with --kubeconfig, --server or the variable KUBECONFIG, "
            "or choose a context with: kubectl config use-context NAME"
        )
    return Chosen(cluster, user, flags.namespace or str(context.get("namespace") or "") or "default")


def _named(
    files: Sequence[tuple[str, Mapping[str, Any]]], what: str, name: str, *, must_exist: bool
) -> KubeconfigEntry:
    for file, body in files:
        for entry in body.get(f"{what}s") or ():
            if entry["name"] == name:
                return KubeconfigEntry(entry.get(what) or {}, file)
    if must_exist:
        where = ", ".join(file for file, _ in files) or "any kubeconfig"
        raise PreconditionError(f"{what} {name!r} is not in {where}; see: kubectl config view")
    return KubeconfigEntry()


def _with_cluster_flags(cluster: KubeconfigEntry, flags: ConnectionFlags) -> KubeconfigEntry:
    body = dict(cluster.body)
    if flags.server:
        body["server"] = flags.server if "://" in flags.server else f"http://{flags.server}"
    if flags.tls_server_name:
        body["tls-server-name"] = flags.tls_server_name
    if flags.certificate_authority or flags.insecure_skip_tls_verify:
        for key in ("certificate-authority", "certificate-authority-data", "insecure-skip-tls-verify"):
            body.pop(key, None)
    if flags.certificate_authority:
        body["certificate-authority"] = str(Path(flags.certificate_authority).absolute())
    elif flags.insecure_skip_tls_verify:
        body["insecure-skip-tls-verify"] = True
    return KubeconfigEntry(body, cluster.file)


def _with_user_flags(user: KubeconfigEntry, flags: ConnectionFlags) -> KubeconfigEntry:
    body = dict(user.body)
    if flags.token:
        body = {key: value for key, value in body.items() if key not in _OWN_CREDENTIALS} | {"token": flags.token}
    for key, path in (("client-certificate", flags.client_certificate), ("client-key", flags.client_key)):
        if path:
            body.pop(f"{key}-data", None)
            body[key] = str(Path(path).absolute())
    if flags.as_user or flags.as_uid or flags.as_groups:
        body = {key: value for key, value in body.items() if not key.startswith("as")}
        body |= {"as": flags.as_user, "as-uid": flags.as_uid, "as-groups": list(flags.as_groups)}
    if not body.get("as") and (body.get("as-groups") or body.get("as-uid")):
        raise PreconditionError("--as-group and --as-uid need a user beside them: add --as NAME")
    return KubeconfigEntry(body, user.file)


class UserConnection(Connection):
    """The connection of a person at a terminal; `namespace` is that of the context."""

    def __init__(self, flags: ConnectionFlags) -> None:
        self._flags = flags
        self._impersonation: list[tuple[str, str]] = []
        self.namespace = ""
        super().__init__()

    @property
    def pool(self) -> urllib3.PoolManager:
        pool = super().pool
        return _Impersonating(pool, self._impersonation) if self._impersonation else pool

    def _fill(self, configuration: Any) -> None:
        files = list(_files(self._flags.kubeconfig))
        if not files and _in_pod() and not self._flags.server:
            super()._fill(configuration)
            self.namespace = self._flags.namespace or _POD_NAMESPACE.read_text(encoding="utf-8").strip()
            return
        chosen = choose(files, self._flags)
        self.namespace, self._impersonation = chosen.namespace, chosen.impersonation
        if chosen.cluster.body.get("insecure-skip-tls-verify"):
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        KubeConfigLoader(_loadable(chosen), config_base_path=None).load_and_set(configuration)  # type: ignore[no-untyped-call]


class _Impersonating(urllib3.PoolManager):
    """The same connections, every request on behalf of somebody else."""

    def __init__(self, pool: urllib3.PoolManager, headers: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._pool = pool
        self._headers = headers

    def urlopen(  # type: ignore[override] # only as KubeClient calls it
        self, method: str, url: str, redirect: bool = True, *, headers: Mapping[str, str], **more: Any
    ) -> urllib3.BaseHTTPResponse:
        together = urllib3.HTTPHeaderDict(headers)
        for name, value in self._headers:
            together.add(name, value)
        return self._pool.urlopen(method, url, redirect=redirect, headers=together, **more)


def _files(asked: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Path and content of every kubeconfig there is; the one of the flag must exist, others may be missing."""
    paths = [asked] if asked else (os.environ.get("KUBECONFIG") or _DEFAULT_FILE).split(os.pathsep)
    for path in filter(None, paths):
        file = Path(path).expanduser()
        if not asked and not file.exists():
            continue
        body = yaml.safe_load(file.read_text(encoding="utf-8"))
        if body is not None and not isinstance(body, dict):
            raise PreconditionError(f"{file} is no kubeconfig")
        yield str(file), body or {}


def _in_pod() -> bool:
    return SERVICE_HOST_ENV_NAME in os.environ and Path(SERVICE_TOKEN_FILENAME).is_file()


def _loadable(chosen: Chosen) -> Any:
    """What the package's loader takes: one context, and each entry with the path of its file."""
    name = "chosen"
    entries = {
        what: [ConfigNode(name, {"name": name, what: dict(entry.body)}, entry.file)]  # type: ignore[no-untyped-call]
        for what, entry in (("cluster", chosen.cluster), ("user", chosen.user))
    }
    body = {
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "clusters": entries["cluster"],
        "users": entries["user"],
    }
    return ConfigNode("kubeconfig", body)  # type: ignore[no-untyped-call]
