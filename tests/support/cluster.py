"""A cluster as tests speak to it: kubectl for what a person would do, plain requests where speed counts."""

import http.client
import json
import os
import select
import ssl
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from reconciler.dev import binaries
from reconciler.dev.control_plane import ControlPlane

SERVER_SIDE_APPLY = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"


class ApiStatusError(Exception):
    """The API server answered with a Status that is no success."""

    def __init__(self, code: int, body: Mapping[str, Any]) -> None:
        super().__init__(f"{code} {body.get('reason', '')}: {body.get('message', '')}")
        self.code = code
        self.reason: str = body.get("reason", "")
        self.body = body


@dataclass(frozen=True)
class Cluster:
    """One control plane with the CRDs installed; `token` is the administrator's."""

    kubeconfig: Path
    host: str
    port: int
    token: str
    ca_file: Path

    @classmethod
    def of(cls, plane: ControlPlane) -> "Cluster":
        return cls(plane.kubeconfig, "127.0.0.1", plane.port, plane.token, plane.ca_file)

    @property
    def server(self) -> str:
        return f"https://{self.host}:{self.port}"

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        """What kubectl prints; with `check=False` a failure's stderr follows instead of an exception."""
        ended = subprocess.run(
            [binaries.kubectl(), f"--kubeconfig={self.kubeconfig}", *arguments],
            input=stdin if stdin is not None else "",
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={name: value for name, value in os.environ.items() if name != "KUBECONFIG"},
        )
        if ended.returncode and check:
            raise AssertionError(f"kubectl {' '.join(arguments)} failed:\n{ended.stderr}")
        return ended.stdout + (ended.stderr if ended.returncode else "")

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """One request as the administrator; `ApiStatusError` for any answer of 400 or more."""
        connection = self._connection()
        try:
            connection.request(
                method,
                path,
                body=None if body is None else json.dumps(body),
                headers={
                    "Authorization": f"Bearer {self.token}",
                    "Content-Type": content_type,
                    "Accept": "application/json",
                    **(headers or {}),
                },
            )
            answer = connection.getresponse()
            text = answer.read()
        except BaseException:
            connection.close()
            raise
        try:
            found: dict[str, Any] = json.loads(text)
        except ValueError:
            found = {"message": text.decode(errors="replace")}
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            raise ApiStatusError(answer.status, found)
        return found

    def apply(self, manifest: Mapping[str, Any], manager: str = "test", *, force: bool = True) -> dict[str, Any]:
        """Server-side apply of one object; its plural is looked up in the CRDs and core kinds."""
        path = f"{self.path_of(manifest)}?fieldManager={manager}&force={str(force).lower()}"
        return self.request("PATCH", path, manifest, SERVER_SIDE_APPLY)

    def get(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
        return self.request("GET", self._path(api_version, kind, namespace, name))

    def find(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        """The object, or None when there is none."""
        try:
            return self.get(api_version, kind, name, namespace)
        except ApiStatusError as error:
            if error.code == http.HTTPStatus.NOT_FOUND:
                return None
            raise

    def list(self, api_version: str, kind: str, namespace: str | None = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.request("GET", self._path(api_version, kind, namespace))["items"]
        return found

    def delete(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> None:
        self.request("DELETE", self._path(api_version, kind, namespace, name))

    def merge(
        self,
        api_version: str,
        kind: str,
        name: str,
        namespace: str | None,
        patch: Mapping[str, Any],
        *,
        subresource: str = "",
        manager: str = "kubectl-edit",
    ) -> dict[str, Any]:
        """A merge patch, as `kubectl edit` or `kubectl patch --type=merge` would send it."""
        path = self._path(api_version, kind, namespace, name) + (f"/{subresource}" if subresource else "")
        return self.request("PATCH", f"{path}?fieldManager={manager}", patch, MERGE_PATCH)

    def path_of(self, manifest: Mapping[str, Any]) -> str:
        metadata = manifest["metadata"]
        return self._path(manifest["apiVersion"], manifest["kind"], metadata.get("namespace"), metadata["name"])

    def create_namespace(self, name: str) -> None:
        self.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})

    def _path(self, api_version: str, kind: str, namespace: str | None, name: str = "") -> str:
        root = f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"
        scope = f"/namespaces/{namespace}" if namespace else ""
        return f"{root}{scope}/{self._plural(api_version, kind)}" + (f"/{name}" if name else "")

    def _plural(self, api_version: str, kind: str) -> str:
        if (api_version, kind) not in self._plurals:
            root = f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"
            for resource in self.request("GET", root)["resources"]:
                if "/" not in resource["name"]:
                    self._plurals[api_version, resource["kind"]] = resource["name"]
        return self._plurals[api_version, kind]

    @cached_property
    def _plurals(self) -> dict[tuple[str, str], str]:
        return {}

    def _connection(self) -> http.client.HTTPSConnection:
        """This thread's, which is kept: a handshake costs the two ends more than the request."""
        if not hasattr(self._kept, "connection"):
            self._kept.connection = http.client.HTTPSConnection(self.host, self.port, timeout=30, context=self._tls)
        connection: http.client.HTTPSConnection = self._kept.connection
        if connection.sock and select.select([connection.sock], [], [], 0)[0]:
            connection.close()  # the server did, or is gone; `request` opens it anew
        return connection

    @cached_property
    def _kept(self) -> threading.local:
        return threading.local()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca_file))
