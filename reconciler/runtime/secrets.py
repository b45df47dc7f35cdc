"""A Secret that a GitSync names: read by name in the GitSync's own namespace, and only if the Secret itself allows the host.

Whoever may write a GitSync could otherwise have any Secret of the namespace used where they choose.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from reconciler.core.errors import DeniedError
from reconciler.core.ports import Objects
from reconciler.core.resource import Annotation, Key


class SecretError(Exception):
    """Only a human can help. `reason` is CamelCase and stable; the text holds no value."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message


def read_secret(
    objects: Objects, namespace: str, name: str, host: str, allowed: Callable[[frozenset[str]], bool]
) -> dict[str, str]:
    """Its decoded values. `allowed` judges the hosts of the annotation; an empty `host` needs no permission."""
    if not name:
        raise SecretError("SecretNotFound", "no secretRef is given")
    try:
        secret = objects.get(Key("Secret", namespace, name))
    except DeniedError:
        raise SecretError("SecretNotAllowed", f"the controller may not read Secret {name}; see its RBAC") from None
    if secret is None:
        raise SecretError("SecretNotFound", f"Secret {name} does not exist in namespace {namespace}")
    hosts = frozenset(part.strip().lower() for part in secret.annotations.get(Annotation.ALLOWED_HOSTS, "").split(","))
    if host and not allowed(hosts):
        text = f"Secret {name} may not be used for {host}: name the host in its annotation {Annotation.ALLOWED_HOSTS}"
        raise SecretError("SecretNotAllowed", text)
    try:
        data = secret.body.get("data") or {}
        return {key: base64.b64decode(value).decode() for key, value in data.items()}
    except (binascii.Error, UnicodeDecodeError, TypeError):
        raise SecretError("InvalidCredentials", f"a value of Secret {name} is not text") from None
