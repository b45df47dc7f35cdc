"""Objects in memory behind the ports of `core.ports`: for what needs no API server. Versions count up, writes conflict."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.core.errors import StaleError
from reconciler.core.ports import Clock, ClusterPorts
from reconciler.core.resource import Key, Resource

Handler = Callable[[Key, Resource | None, Resource | None], None]


class SetClock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def pass_s(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class SmallCluster:
    """Implements `Cache`, `Objects`, `Events` and `Leader`; handlers are called at once."""

    def __init__(self) -> None:
        self.objects: dict[Key, Resource] = {}
        self.handlers: list[Handler] = []
        self.events: list[tuple[str, str, str]] = []
        self.reads: list[Key] = []
        self.status_writes = 0
        self.before_write: Callable[[], None] = lambda: None
        """Called before a status is written: may raise, or change the object under the writer's hands."""
        self.leads = True
        self._version = 0

    def ports(self, clock: Clock) -> ClusterPorts:
        return ClusterPorts(self, self, self, self, clock)

    def put(self, body: Mapping[str, Any]) -> Resource:
        """Make or replace an object, as somebody else would."""
        self._version += 1
        metadata = {"namespace": "team", "uid": f"uid-{body['metadata']['name']}", "generation": 1, **body["metadata"]}
        new = Resource({"apiVersion": "v1", **body, "metadata": {**metadata, "resourceVersion": str(self._version)}})
        old, self.objects[new.key] = self.objects.get(new.key), new
        self._tell(new.key, old, new)
        return new

    def secret(self, name: str, hosts: str = "127.0.0.1", **values: str) -> None:
        data = {key.replace("__", "."): base64.b64encode(value.encode()).decode() for key, value in values.items()}
        annotations = {"sagemaker-gitops.dev/allowed-hosts": hosts}
        self.put({"kind": "Secret", "metadata": {"name": name, "annotations": annotations}, "data": data})

    def drop(self, key: Key) -> None:
        self._tell(key, self.objects.pop(key), None)

    def get(self, key: Key) -> Resource | None:
        self.reads.append(key)
        return self.objects.get(key)

    def items(self, kind: str) -> Iterable[Resource]:
        return [resource for key, resource in self.objects.items() if key.kind == kind]

    def synced(self) -> bool:
        return True

    def subscribe(self, handler: Handler) -> None:
        self.handlers.append(handler)
        for key, resource in list(self.objects.items()):
            handler(key, None, resource)

    def replace_status(self, resource: Resource, status: Mapping[str, Any]) -> Resource:
        self.before_write()
        live = self.objects[resource.key]
        if live.resource_version != resource.resource_version:
            raise StaleError("the object moved")
        self.status_writes += 1
        return self.put({**live.body, "status": dict(status)})

    def set_finalizers(self, resource: Resource, finalizers: Iterable[str]) -> Resource:
        raise NotImplementedError

    def replace(self, resource: Resource, manager: str) -> Resource:
        raise NotImplementedError

    def emit(self, about: Resource, kind: str, reason: str, message: str) -> None:
        self.events.append((kind, reason, f"{about.name}: {message}"))

    def is_leader(self) -> bool:
        return self.leads

    def _tell(self, key: Key, old: Resource | None, new: Resource | None) -> None:
        for handler in self.handlers:
            handler(key, old, new)
