"""A GitSync controller of a test's own against the shared cluster: real API server, real git, real threads."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import yaml

from reconciler.adapters.files import LocalRefWatcher
from reconciler.adapters.git import GitRepositories
from reconciler.adapters.kube.cache import KubeCache
from reconciler.adapters.kube.client import KubeClient, Query
from reconciler.adapters.kube.leader import AlwaysLeader
from reconciler.adapters.kube.objects import KubeApplier, KubeObjects
from reconciler.app.kinds import LoadedKinds
from reconciler.app.loops import common_ground, source_reader
from reconciler.app.sides import apis
from reconciler.core.catalog import Catalog
from reconciler.core.conditions import find
from reconciler.core.git.rules import UrlPolicy
from reconciler.core.notes.note import NoteLine, render
from reconciler.core.ports import Applier, ClusterPorts
from reconciler.core.resource import Annotation, Key, Resource
from reconciler.kinds import CATALOG
from reconciler.runtime.sync.claims import SyncClaim
from reconciler.runtime.sync.loop import SyncController
from reconciler.runtime.sync.memory import SyncCounts
from reconciler.runtime.sync.notes import SyncNotes
from reconciler.runtime.sync.ports import SyncPorts, Triggers
from tests.support.cluster import Cluster
from tests.support.lab_sessions import LOADER
from tests.support.waiting import eventually

GITOPS = "sagemaker-gitops.dev/v1alpha1"
LEGACY = "sagemaker.aws.amazon.com/v1"
NAME = "team"
_KINDS = tuple(CATALOG.by_name[name] for name in ("Model", "TrainingJob"))
KINDS = LoadedKinds.load(LOADER, Catalog(_KINDS, CATALOG.others))
APIS = apis(KINDS)


class WallClock:
    """Implements `Clock`; what a story need not wait for lies `ahead`."""

    ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time(), UTC) + self.ahead

    def monotonic(self) -> float:
        return time.monotonic()


class CountingClient(KubeClient):
    """Remembers its requests; `before` and `after` may raise to end a story in the middle."""

    requests: list[tuple[str, str]]
    before: Callable[[str, str], None]
    after: Callable[[str, str], None]

    def __init__(self, kubeconfig: str) -> None:
        super().__init__(kubeconfig)
        self.requests = []
        self.before = self.after = lambda _verb, _path: None

    def as_service_account(self, namespace: str, name: str) -> KubeClient:
        other = super().as_service_account(namespace, name)
        ours = object.__new__(CountingClient)
        ours.__dict__.update(other.__dict__)
        ours.requests, ours.before, ours.after = self.requests, self.before, self.after
        return ours

    def request(self, verb: Any, path: str, query: Query | None = None, *rest: Any, **more: Any) -> Any:
        self.before(verb, path)
        self.requests.append((verb, path))
        answer = super().request(verb, path, query, *rest, **more)
        self.after(verb, path)
        return answer

    def sent(self, *verbs: str) -> list[str]:
        return [path for verb, path in self.requests if not verbs or verb in verbs]


class ToldEvents:
    """Implements `Events` by remembering."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str]] = []
        self.kinds: list[str] = []

    def emit(self, about: Resource, kind: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        self.told.append((about.kind, reason, message))
        self.kinds.append(kind)

    def reasons(self, kind: str) -> list[str]:
        return [reason for of, reason, _ in self.told if of == kind]


class ToldNotes:
    """Implements `CommitNotes` by remembering: per line the commit, the event and the line as it would be written."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, dict[str, Any]]] = []
        self.ids: list[str] = []

    def put(self, sync: Key, commit: str, /, *lines: NoteLine) -> bool:
        assert sync.kind == "GitSync"
        self.told += [(commit, str(line.event), json.loads(render(line))) for line in lines]
        self.ids += [line.id for line in lines]
        return True

    def events(self) -> list[tuple[str, str]]:
        return [(commit, event) for commit, event, _ in self.told]


class Switch(AlwaysLeader):
    def __init__(self) -> None:
        self.leads = True

    def is_leader(self) -> bool:
        return self.leads


class Engine:
    """One controller process. `start(workers=0)` leaves the passes to the test: `look()` and `settle()`."""

    def __init__(self, cluster: Cluster, namespaces: Sequence[str], directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.cluster, self.namespace = cluster, namespaces[0]
        self.client = CountingClient(str(cluster.kubeconfig))
        self.informing = KubeClient(str(cluster.kubeconfig))
        self.cache = KubeCache(self.informing, APIS, namespaces=namespaces)
        self.events, self.leader, self.clock = ToldEvents(), Switch(), WallClock()
        self.record = ToldNotes()
        self.notes_are_read = True
        self.recalled: list[tuple[Key, int]] = []
        """Of which sync the notes were to be read, and how many objects had been applied by then."""
        self.repositories = GitRepositories(directory / "git", UrlPolicy(allow_file=True))
        self.live, self.claims = common_ground(KINDS, self.cache, lambda _key: None, self.clock.monotonic)
        self.watcher = LocalRefWatcher()
        self.ports = ClusterPorts(self.cache, KubeObjects(self.client, APIS), self.events, self.leader, self.clock)
        self.controller = SyncController(
            SyncPorts(self.ports, self._applier, self.live, self.claims),
            source_reader(KINDS, self.repositories, self.ports.objects),
            SyncNotes(self.record, "prod"),
            self._recall,
            Triggers(watcher=self.watcher),
            jitter=lambda: 0.5,
        )
        self._closed = threading.Event()

    def _recall(self, sync: Key) -> bool:
        self.recalled.append((sync, self.stats.applied))
        return self.notes_are_read

    def _applier(self, namespace: str, account: str) -> Applier:
        return KubeApplier(self.client.as_service_account(namespace, account) if account else self.client, APIS)

    @property
    def stats(self) -> SyncCounts:
        return self.controller.stats

    def start(self, workers: int = 2) -> Engine:
        self.controller.listen()
        self.controller.start(workers)
        self.cache.start()
        eventually(self.cache.synced)
        return self

    def claim(self, key: Key) -> SyncClaim:
        """What a worker is told, as soon as it is told anything."""
        found = eventually(lambda: self.claims.claim(key))
        assert found
        return found

    def idle(self) -> bool:
        """Whether no pass is under way or due."""
        queues = (self.controller._sources, self.controller._clusters)
        for queue in queues:
            with queue._changed:
                if queue._waiting or queue._active:
                    return False
        return True

    def stop(self) -> None:
        if self._closed.is_set():
            return
        self._closed.set()
        self.controller.stop()
        self.watcher.stop()
        self.cache.stop()
        self.repositories.close()
        self.client.close()
        self.informing.close()


class Team:
    """A namespace, a GitSync and a repository, with the verbs of the stories."""

    def __init__(self, cluster: Cluster, namespace: str, url: str) -> None:
        self.cluster, self.namespace, self.url = cluster, namespace, url

    @property
    def key(self) -> Key:
        return Key("GitSync", self.namespace, NAME)

    def model_key(self, name: str) -> Key:
        return Key("Model", self.namespace, name)

    def sync(self, **spec: Any) -> None:
        """Make the GitSync or change its spec."""
        repo = {"url": self.url, "ref": {"branch": "main"}, "path": "prod", **spec.pop("repo", {})}
        body = {
            "apiVersion": GITOPS,
            "kind": "GitSync",
            "metadata": {"name": NAME, "namespace": self.namespace},
            "spec": {"repo": repo, "interval": "1h", **spec},
        }
        self.cluster.apply(body)

    def seen(self) -> dict[str, Any]:
        return self.cluster.get(GITOPS, "GitSync", NAME, self.namespace)

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.seen().get("status") or {}
        return status

    def condition(self, kind: str = "Ready") -> Mapping[str, Any]:
        return find(self.status().get("conditions") or (), kind) or {}

    def wait_applied(self, sha: str, timeout: float = 60) -> dict[str, Any]:
        """Until the sync says that it applied this commit whole."""

        def applied() -> dict[str, Any] | None:
            status = self.status()
            ready = find(status.get("conditions") or (), "Ready") or {}
            done = status.get("lastAppliedRevision", "").endswith(sha) and ready.get("status") == "True"
            assert done, [ready, status.get("rejected")]
            return status

        found = eventually(applied, timeout, f"{sha} is applied")
        assert found
        return found

    def wait_reason(self, reason: str, kind: str = "Ready", timeout: float = 60) -> Mapping[str, Any]:
        def told() -> Mapping[str, Any]:
            condition = self.condition(kind)
            assert condition.get("reason") == reason, condition
            return condition

        return eventually(told, timeout, f"{kind} has the reason {reason}")

    def annotate(self, kind: str, name: str, **annotations: str | None) -> None:
        group = GITOPS if kind == "GitSync" else LEGACY
        named = {key.replace("__", "/").replace("_", "-"): value for key, value in annotations.items()}
        self.cluster.merge(group, kind, name, self.namespace, {"metadata": {"annotations": named}})

    def say(self, **annotations: str | None) -> None:
        """Annotate the GitSync, with our prefix."""
        named = {f"sagemaker-gitops.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
        self.cluster.merge(GITOPS, "GitSync", NAME, self.namespace, {"metadata": {"annotations": named}})

    def model(self, name: str) -> dict[str, Any]:
        return self.cluster.get(LEGACY, "Model", name, self.namespace)

    def find_model(self, name: str) -> dict[str, Any] | None:
        return self.cluster.find(LEGACY, "Model", name, self.namespace)

    def models(self) -> set[str]:
        return {item["metadata"]["name"] for item in self.cluster.list(LEGACY, "Model", self.namespace)}

    def edit(self, name: str, spec: Mapping[str, Any]) -> None:
        """What a person does: kubectl, in a process of its own."""
        patch = yaml.safe_dump({"spec": dict(spec)})
        self.cluster.kubectl("-n", self.namespace, "patch", "model", name, "--type=merge", f"--patch={patch}")

    def inventory(self) -> set[str]:
        return {entry.split("@")[0].split("/")[2] for entry in self.status().get("inventory", [])}


def spec(**changes: Any) -> dict[str, Any]:
    return {
        "region": "us-west-2",
        "executionRoleArn": "arn:aws:iam::123456789012:role/service-role/team",
        "primaryContainer": {"image": "team:1"},
        **changes,
    }


def model(name: str, metadata: Mapping[str, Any] | None = None, **changes: Any) -> str:
    """A Model as a file of the repository."""
    body = {
        "apiVersion": LEGACY,
        "kind": "Model",
        "metadata": {"name": name, **(metadata or {})},
        "spec": spec(**changes),
    }
    return yaml.safe_dump(body)


def files(*names: str, **changes: Any) -> dict[str, str | bytes | None]:
    return {f"prod/{name}.yaml": model(name, **changes) for name in names}


__all__ = ["Annotation", "Engine", "Team", "files", "model", "spec"]
