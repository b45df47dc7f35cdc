"""Annotations of Namespaces: what the owners of a namespace say about all that is in it.

Read one by one and remembered for a minute: a watch of all Namespaces needs a right that an installation for a few of them
does not have, and `get` of one's own Namespace can be given by a Role in it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from reconciler.adapters.kube.api import CORE_KINDS
from reconciler.adapters.kube.client import KubeClient
from reconciler.core.errors import DeniedError, NotFoundError, TransientError

log = logging.getLogger(__name__)

_REMEMBERED_S = 60.0


class KubeNamespaces:
    """Thread-safe. Unless `required`, a Namespace that may not be read says nothing."""

    def __init__(self, client: KubeClient, monotonic: Callable[[], float], *, required: bool) -> None:
        self._client = client
        self._required = required
        self._monotonic = monotonic
        self._known: dict[str, tuple[float, Mapping[str, str]]] = {}
        self._lock = threading.Lock()

    def annotations(self, namespace: str) -> Mapping[str, str]:
        """Where they are required, DeniedError without the right to read: nobody then knows under which role to work."""
        with self._lock:
            read_at, known = self._known.get(namespace, (float("-inf"), {}))
        now = self._monotonic()
        if now - read_at < _REMEMBERED_S:
            return known
        try:
            found = self._client.request("GET", CORE_KINDS["Namespace"].path(name=namespace))
            annotations: Mapping[str, str] = found["metadata"].get("annotations") or {}
        except NotFoundError:
            annotations = {}
        except DeniedError:
            if self._required:
                raise
            annotations = {}
        except TransientError:
            if read_at == float("-inf"):
                raise
            log.info("Namespace %s cannot be read: what it said last holds", namespace)
            return known
        with self._lock:
            self._known[namespace] = (now, annotations)
        return annotations
