"""Which SageMaker a manifest may name (design 4, "Trust"): regions are open, endpoints are a map allowed -> effective.

Without a map only SageMaker's own hosts over https pass, so that nobody who can write to the repository makes this
controller sign requests for a host of theirs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from reconciler.core.errors import TerminalError

_OWN_HOST = re.compile(
    r"(vpce-[a-z0-9-]+\.)?(api\.)?sagemaker(-fips)?\.[a-z0-9-]+\.(vpce\.)?(amazonaws\.com(\.cn)?|api\.aws)"
)
ANY = "*"
"""Key of the map that stands for every endpoint, and for none being named."""


def parse_endpoints(text: str) -> dict[str, str]:
    """`https://a=https://b,*=http://c` as a map. Raises ValueError naming the entry that is none."""
    pairs = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        allowed, sign, effective = entry.partition("=")
        if not sign or not effective:
            raise ValueError(f"{entry!r} is not ALLOWED=EFFECTIVE")
        pairs[allowed.rstrip("/")] = effective.rstrip("/")
    return pairs


def effective_endpoint(named: str, endpoints: Mapping[str, str]) -> str:
    """The URL to use for `spec.sageMakerEndpoint`; "" leaves it to botocore. Raises TerminalError when not allowed."""
    if not named:
        return endpoints.get(ANY, "")
    found = endpoints.get(named.rstrip("/"), endpoints.get(ANY))
    if found is not None:
        return found
    url = urlsplit(named)
    if not endpoints and url.scheme == "https" and _OWN_HOST.fullmatch(url.hostname or "") and url.port is None:
        return named.rstrip("/")
    raise TerminalError(
        f"/spec/sageMakerEndpoint: {url.hostname or named} is not an allowed endpoint", "EndpointNotAllowed"
    )
