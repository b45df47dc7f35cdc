"""Names and digests (D-1). The test vectors are frozen for ever: a change here
would train somebody's whole fleet again.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence

from reconciler.core.values import Json

DIGEST_LENGTH = 12
NAME_LIMIT = 63
TUNING_NAME_LIMIT = 32


def canonical_json(value: Json) -> bytes:
    """Sorted keys, no white space, UTF-8: the bytes under every digest (D-1.3)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(parts: Sequence[Json]) -> str:
    """12 lower-case base32 characters of SHA-256 over the canonical JSON array of `parts`."""
    raw = hashlib.sha256(canonical_json(list(parts))).digest()
    return base64.b32encode(raw).decode().lower()[:DIGEST_LENGTH]


def remote_name(prefix: str, suffix: str, limit: int = NAME_LIMIT) -> str:
    """`<prefix>-<suffix>` as SageMaker accepts it: lower case, dots to hyphens, cut to fit, no trailing hyphen."""
    cleaned = re.sub(r"[^a-z0-9-]", "-", prefix.lower())
    cut = cleaned[: limit - len(suffix) - 1].rstrip("-")
    return f"{cut}-{suffix}" if cut else suffix


TAG_PREFIX = "sagemaker-gitops.dev/"
OWNER_TAG = f"{TAG_PREFIX}owner"
COMMIT_TAG = f"{TAG_PREFIX}commit"
RUN_TAG = f"{TAG_PREFIX}run"
"""Of a job: the digest of its run. An explicit name does not say which content ran under it."""
QUARANTINE_TAG = f"{TAG_PREFIX}quarantined"
"""Of an EndpointConfig: why its content must not be rolled out again."""
ROLLOUT_TAG = f"{TAG_PREFIX}rollout"
"""Of an EndpointConfig: the id in history of the rollout that it was made for, or a later one: by it a status that is older
than SageMaker, as after a restore, gives no id again."""
USER_TAGS_MAX = 47
_TAG_VALUE_LIMIT = 256


def owner_tag(cluster: str, namespace: str, kind: str, name: str) -> str:
    """Value of the owner tag; a digest form when it would not fit into a tag."""
    plain = f"{cluster}/{namespace}/{kind}/{name}"
    return plain if len(plain) <= _TAG_VALUE_LIMIT else f"{cluster}/sha256:{hashlib.sha256(plain.encode()).hexdigest()}"


def plain_value(value: Json) -> Json:
    """What two JSON readers agree on: integral floats as integers, nulls dropped; lists keep their order."""
    if isinstance(value, dict):
        return {key: plain_value(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [plain_value(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def spec_hash(spec: Json) -> str:
    """Identity of a spec as applied: `applied-hash` and the inventory's hash, compared with the live spec."""
    return digest([plain_value(spec)])
