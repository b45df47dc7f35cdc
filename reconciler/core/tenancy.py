"""Whose SageMaker an object may use (D-14): region, endpoint and role, each against what the installer allows.

Regions are open unless listed. Endpoints are a map allowed -> effective; without one only SageMaker's own hosts over https
pass, so that nobody who can write to the repository makes this controller sign requests for a host of theirs. A role is
chosen by whoever owns the Namespace, never by a manifest, and is assumed only when the installer lists it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import NamedTuple
from urllib.parse import urlsplit

from reconciler.core.aws.partitions import Partitions, commercial
from reconciler.core.decision import Refusal
from reconciler.core.errors import DeniedError, TerminalError
from reconciler.core.kind import Kind, Observed
from reconciler.core.resource import Annotation, Resource

ANY = "*"
"""Key of the endpoint map that stands for every endpoint, and for none being named."""

_ROLE = re.compile(r"arn:(aws[a-z-]*):iam::(\d{12}):role/[\w+=,.@/-]+")
_OF_THE_SERVICE = r"(vpce-[a-z0-9-]+\.)?(api(-fips)?\.)?sagemaker(-fips)?\.[a-z0-9-]+\.(vpce\.)?"
NAMESPACE = "{namespace}"
"""Stands for the namespace's name in an allowed role and in the external id."""


class RoleNotAllowedError(DeniedError):
    """The Namespace names a role that the installer did not list, or one that cannot be assumed there."""

    reason = "RoleNotAllowed"


class Tenant(NamedTuple):
    """Whose SageMaker: everything that selects credentials and a host."""

    region: str
    endpoint: str = ""
    """Effective URL of SageMaker; empty: botocore's own choice, `AWS_ENDPOINT_URL*` included."""
    role: str = ""
    """ARN of the role to assume; empty: the controller's own credentials."""
    external_id: str = ""

    @property
    def account(self) -> str:
        """Of the role; empty: the controller's own."""
        return self.role.split(":")[4] if self.role else ""


class Place(NamedTuple):
    """Where an object's remote objects are."""

    tenant: Tenant
    conflict: Refusal | None = None
    """The namespace's role is another one than that under which the remote objects were made: they are followed, nothing is changed."""


@dataclass(frozen=True)
class Tenancy:
    """What the installer allows. The same for all objects; what the manifest or its Namespace says comes with each."""

    endpoints: Mapping[str, str] = field(default_factory=dict)
    default_endpoint: str = ""
    """The installer's own choice for objects that name none, so it needs no allowance."""
    regions: tuple[str, ...] = ()
    """Globs; none: every region."""
    roles: tuple[str, ...] = ()
    """Globs of role ARNs; none: no role is assumed."""
    external_id: str = ""
    partition_of: Partitions = commercial

    def place(self, kind: Kind[Observed], resource: Resource, namespace: Mapping[str, str]) -> Place:
        """Where the object's remote objects are. `namespace` are its Namespace's annotations.

        Raises TerminalError or DeniedError, before anything is signed, for what is not allowed.
        """
        region = self._region(kind, resource)
        asked = namespace.get(Annotation.ROLE, "")
        role, conflict = asked, None
        if kind.exists(resource.status) and (recorded := str(resource.status.get("roleArn") or "")) != asked:
            role, conflict = recorded, Refusal("IdentityChanged", _moved(recorded, asked))
        self._check_role(role, region, resource.namespace)
        external_id = self.external_id.replace(NAMESPACE, resource.namespace) if role else ""
        return Place(Tenant(region, self._endpoint(resource, region), role, external_id), conflict)

    def _region(self, kind: Kind[Observed], resource: Resource) -> str:
        recorded, wanted = kind.region(resource.status), str(resource.spec.get("region") or "")
        if recorded and (resource.deleting or self._allows(recorded)):
            return recorded  # what was made is taken away again even where nothing new may be made
        region = recorded if recorded and kind.exists(resource.status) else wanted
        if not self._allows(region):
            raise TerminalError(f"/spec/region: {region} is not an allowed region", "RegionNotAllowed")
        return region

    def _allows(self, region: str) -> bool:
        return not self.regions or any(fnmatchcase(region, allowed) for allowed in self.regions)

    def _check_role(self, role: str, region: str, namespace: str) -> None:
        if not role:
            return
        parsed = _ROLE.fullmatch(role)
        if parsed is None:
            raise RoleNotAllowedError(f"the Namespace's {Annotation.ROLE} is not the ARN of a role: {role}")
        allowed = [pattern.replace(NAMESPACE, namespace) for pattern in self.roles]
        if not any(fnmatchcase(role, pattern) for pattern in allowed):
            raise RoleNotAllowedError(
                f"the Namespace's {Annotation.ROLE} {role} is none that the installer allows (--allowed-roles)"
            )
        partition = self.partition_of(region).name
        if parsed[1] != partition:
            raise RoleNotAllowedError(
                f"the Namespace's {Annotation.ROLE} is of the partition {parsed[1]}, and {region} is in {partition}: "
                "no role is assumed across them"
            )

    def _endpoint(self, resource: Resource, region: str) -> str:
        named = str(resource.spec.get("sageMakerEndpoint") or "")
        if not named and self.default_endpoint:
            fallback = self.endpoints.get(ANY, self.default_endpoint)
            return self.endpoints.get(self.default_endpoint.rstrip("/"), fallback)
        return effective_endpoint(named, self.endpoints, self.partition_of(region).suffixes)


def _moved(recorded: str, asked: str) -> str:
    was, now = recorded or "the controller's own role", asked or "the controller's own role"
    return (
        f"this was made under {was} and its Namespace now says {now}: put the annotation back, or delete this object "
        "and make a new one"
    )


def parse_endpoints(text: str) -> dict[str, str]:
    """`https://a=https://b,*=http://c` as a map. Raises ValueError naming the entry that is none."""
    pairs = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        allowed, sign, effective = entry.partition("=")
        if not sign or not effective:
            raise ValueError(f"{entry!r} is not ALLOWED=EFFECTIVE")
        pairs[allowed.rstrip("/")] = effective.rstrip("/")
    return pairs


def effective_endpoint(
    named: str, endpoints: Mapping[str, str], suffixes: tuple[str, ...] = ("amazonaws.com", "api.aws")
) -> str:
    """The URL to use for `spec.sageMakerEndpoint`; "" leaves it to botocore. Raises TerminalError when not allowed.

    `suffixes` are those of the region's partition.
    """
    if not named:
        return endpoints.get(ANY, "")
    found = endpoints.get(named.rstrip("/"), endpoints.get(ANY))
    if found is not None:
        return found
    if not endpoints and _is_of_the_service(named, suffixes):
        return named.rstrip("/")
    raise TerminalError(
        f"/spec/sageMakerEndpoint: {_host(named) or 'this'} is not an allowed endpoint", "EndpointNotAllowed"
    )


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""  # an IPv6 address that is none


def _is_of_the_service(named: str, suffixes: tuple[str, ...]) -> bool:
    try:
        url = urlsplit(named)
        plain = url.scheme == "https" and url.port is None and not (url.username or url.query or url.fragment)
    except ValueError:
        return False
    hosts = f"{_OF_THE_SERVICE}({'|'.join(map(re.escape, suffixes))})"
    return plain and url.path in ("", "/") and bool(re.fullmatch(hosts, url.hostname or ""))
