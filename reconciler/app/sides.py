"""The outside, one function for each side of it: the cluster, AWS and Git. Clients are built here and nowhere else."""

from __future__ import annotations

import logging
import os
import random
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from botocore.loaders import Loader

from reconciler.adapters.aws import AwsClients, EventsQueue, Sessions, Tenant
from reconciler.adapters.files import LocalRefWatcher
from reconciler.adapters.git import GitNotes, GitRepositories
from reconciler.adapters.kube.api import Api, KindTable
from reconciler.adapters.kube.cache import KubeCache
from reconciler.adapters.kube.client import KubeClient
from reconciler.adapters.kube.definitions import KubeDefinitions
from reconciler.adapters.kube.events import KubeEvents
from reconciler.adapters.kube.leader import AlwaysLeader, LeaderElector, LeaseName
from reconciler.adapters.kube.namespaces import KubeNamespaces
from reconciler.adapters.kube.neighbours import neighbours
from reconciler.adapters.kube.objects import KubeApplier, KubeObjects
from reconciler.adapters.kube.presence import Presence
from reconciler.adapters.kustomize import KubectlKustomizer
from reconciler.adapters.metrics import Metrics
from reconciler.adapters.partitions import load_partitions
from reconciler.app.kinds import LoadedKinds
from reconciler.app.settings import Settings, SystemClock
from reconciler.core.aws.partitions import Partitions
from reconciler.core.errors import ReconcileError
from reconciler.core.git.rules import UrlPolicy
from reconciler.core.ports import ClusterPorts, Leader
from reconciler.core.resource import Resource
from reconciler.core.tenancy import Place, Tenancy
from reconciler.runtime.aws_contact import AwsContact
from reconciler.runtime.cluster_name import claim_cluster_name, identity_map
from reconciler.runtime.notes.lease import HeldLeases, Leases, NoLeases
from reconciler.runtime.reconcile.children import Children

log = logging.getLogger(__name__)

LEASE = "sagemaker-gitops"


@dataclass(frozen=True)
class Base:
    """What everything is built from."""

    settings: Settings
    kinds: LoadedKinds
    loader: Loader
    clock: SystemClock
    metrics: Metrics
    replica: str
    """By host and process."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        loader = Loader()
        replica = f"{socket.gethostname()}-{os.getpid()}"
        return cls(settings, LoadedKinds.load(loader), loader, SystemClock(), Metrics(), replica)

    @staticmethod
    def jitter() -> float:
        """In [0, 1)."""
        return random.random()  # noqa: S311 - spreads load, guards nothing


@dataclass(frozen=True)
class ClusterSide:
    client: KubeClient
    apis: KindTable
    cache: KubeCache
    objects: KubeObjects
    events: KubeEvents
    leader: Leader
    elector: LeaderElector | None
    """None: there is one replica, which always leads."""
    presence: Presence | None
    """Of that one replica; None where there is an election."""
    base: Base

    @property
    def ports(self) -> ClusterPorts:
        return ClusterPorts(self.cache, self.objects, self.events, self.leader, self.base.clock)

    def definitions(self) -> KubeDefinitions:
        return KubeDefinitions(self.client, {schema.kind: schema.crd_name for schema in self.base.kinds.schemas})

    def children(self) -> Children:
        return Children(self.cache, self.objects, self.applier("", ""))

    def leases(self) -> Leases:
        """Of the refs that notes are pushed to."""
        settings, base = self.base.settings, self.base
        if not settings.leader_election:
            return NoLeases()

        def elect(name: str, won: Callable[[], None]) -> LeaderElector:
            lease = LeaseName(settings.controller_namespace, name)
            return LeaderElector(self.client, lease, base.replica, base.clock, on_started=won)

        return HeldLeases(elect)

    def applier(self, namespace: str, account: str) -> KubeApplier:
        """With our own rights, or with those of a ServiceAccount that a GitSync names."""
        client = self.client.as_service_account(namespace, account) if account else self.client
        return KubeApplier(client, self.apis)

    def admit(self) -> None:
        """Refuse what this cluster cannot be: too old, or one that was given another name."""
        self.client.require_version()
        claim_cluster_name(self.objects, self.base.settings.controller_namespace, self.base.settings.cluster_name)

    def warn_of_neighbours(self) -> None:
        """Reported on the ConfigMap that keeps our name, and in the log; never a reason not to work."""
        kinds, settings = self.base.kinds, self.base.settings
        about = self.objects.get(identity_map(settings.controller_namespace))
        used = {found.namespace for kind in kinds.table for found in self.cache.items(kind)}
        definitions = [schema.crd_name for schema in kinds.schemas]
        try:
            for warned in neighbours(
                self.client, definitions, {settings.controller_namespace, *settings.namespaces, *used}
            ):
                log.warning(warned.message)
                if about is not None:
                    self.events.emit(about, "Warning", warned.reason, warned.message)
        except ReconcileError as error:
            log.info("nobody knows who else looks after our resources: %s", error)


def apis(kinds: LoadedKinds) -> KindTable:
    """Where the API server serves the kinds."""
    return {schema.kind: Api(schema.group, schema.version, schema.plural) for schema in kinds.schemas}


def cluster_side(base: Base, on_led: Callable[[], None], on_lost: Callable[[], None]) -> ClusterSide:
    """`on_led` is called when the Lease is won, `on_lost` when it is lost again."""
    settings = base.settings
    served = apis(base.kinds)
    client = KubeClient(settings.kubeconfig, meter=base.metrics)
    lease = LeaseName(settings.controller_namespace, LEASE)
    elector, presence = None, None
    if settings.leader_election:
        elector = LeaderElector(client, lease, base.replica, base.clock, on_started=on_led, on_stopped=on_lost)
    else:
        presence = Presence(client, lease, base.replica, base.clock, on_lost)
    return ClusterSide(
        client=client,
        apis=served,
        cache=KubeCache(client, served, namespaces=settings.namespaces),
        objects=KubeObjects(client, served),
        events=KubeEvents(client, base.clock, base.replica),
        leader=elector or presence or AlwaysLeader(),
        elector=elector,
        presence=presence,
        base=base,
    )


class AwsSide(NamedTuple):
    clients: AwsClients
    contact: AwsContact
    partition_of: Partitions
    events_queue: EventsQueue | None

    def say_who_we_are(self) -> None:
        """One call of STS, which reports to `contact` whether AWS answers."""
        self.clients.read(Tenant(region=""), "GetCallerIdentity", {})


def aws_side(base: Base) -> AwsSide:
    contact, url = AwsContact(base.metrics), base.settings.events_queue
    return AwsSide(
        clients=AwsClients(Sessions(base.loader), base.clock.monotonic, meter=contact),
        contact=contact,
        partition_of=load_partitions(base.loader),
        events_queue=EventsQueue(base.loader, url, contact) if url else None,
    )


def places(base: Base, client: KubeClient, partition_of: Partitions) -> Callable[[Resource], Place]:
    """Where the remote objects of an object are: by the installer's settings, the object and its Namespace's annotations."""
    settings = base.settings
    namespaces = KubeNamespaces(client, base.clock.monotonic, required=bool(settings.allowed_roles))
    tenancy = Tenancy(
        settings.endpoints,
        settings.default_endpoint,
        settings.allowed_regions,
        settings.allowed_roles,
        settings.external_id,
        partition_of,
    )
    kinds = base.kinds.catalog.by_name
    return lambda resource: tenancy.place(kinds[resource.kind], resource, namespaces.annotations(resource.namespace))


class GitAccess(NamedTuple):
    repositories: GitRepositories
    notes: GitNotes
    kustomizer: KubectlKustomizer
    watcher: LocalRefWatcher


def git_access(base: Base) -> GitAccess:
    settings = base.settings
    urls = UrlPolicy(allow_file=settings.allow_file_remotes)
    return GitAccess(
        repositories=GitRepositories(settings.cache_dir, urls, meter=base.metrics),
        notes=GitNotes(settings.cache_dir, urls, meter=base.metrics),
        kustomizer=KubectlKustomizer(Path(shutil.which(settings.kubectl) or settings.kubectl)),
        watcher=LocalRefWatcher(),
    )
