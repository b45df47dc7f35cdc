"""A real kube-apiserver and etcd on this machine, in one directory.

Knows processes, ports, certificates and the kubeconfig. Refuses to know CRDs or SageMaker. Called by `environment` and by
the tests' fixtures. There is no controller-manager: nobody deletes namespaces' content or acts on ownerReferences.

    plane = ControlPlane(directory)
    plane.start()                  # about 4 s; plane.kubeconfig then names a file
    plane.stop_apiserver()         # an outage
    plane.start_apiserver()        # the same port and certificates
    plane.stop()                   # the data stay in the directory
"""

import base64
import contextlib
import http.client
import os
import secrets
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from reconciler.dev import certificates
from reconciler.dev.binaries import Binaries, find
from reconciler.dev.children import Child, free_port, port_is_free
from reconciler.dev.errors import DevError, PortTakenError
from reconciler.dev.files import write_private

_READY_WITHIN_S = 90.0
_POLL_S = 0.05
_TRIES = 5
_TAKEN = "address already in use"
USER = "dev-admin"


class ControlPlane:
    """One API server with its etcd. Children of this process, ended with it even by SIGKILL."""

    def __init__(self, directory: Path, binaries: Binaries | None = None) -> None:
        self.directory = directory.resolve()
        self._binaries = binaries
        self.etcd = Child("etcd", self.directory / "log" / "etcd.log")
        self.apiserver = Child("kube-apiserver", self.directory / "log" / "kube-apiserver.log")
        self.port = 0
        self._etcd_port = 0

    @property
    def kubeconfig(self) -> Path:
        return self.directory / "kubeconfig"

    @property
    def server(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        """The bearer token of the administrator (group system:masters)."""
        return (self.directory / "certs" / "tokens.csv").read_text().split(",")[0]

    @property
    def ca_file(self) -> Path:
        return self.directory / "certs" / "ca.crt"

    def start(self, port: int = 0) -> None:
        """Start both and return when the API server is ready.

        A port that is wanted (the one of last time, so that kubeconfigs stay good) is used if nobody else has it.
        """
        if self._binaries is None:
            self._binaries = find()
        self._lay_out()
        try:
            self._start_etcd()
            self.port = port if port and port_is_free(port) else 0
            self._start_apiserver_somewhere()
        except BaseException:
            self.stop()
            raise
        self._write_kubeconfig()

    def stop(self) -> None:
        self.apiserver.stop()
        self.etcd.stop()

    def stop_apiserver(self) -> None:
        self.apiserver.stop()

    def start_apiserver(self) -> None:
        """Start the API server again, on the port it had."""
        for _ in range(_TRIES):
            try:
                self._start_apiserver()
            except PortTakenError:  # a client's closed connection, or a stranger who may go again
                time.sleep(0.5)
            else:
                return
        raise DevError(f"port {self.port} of the API server was taken by another process meanwhile")

    def restart_apiserver(self) -> None:
        self.stop_apiserver()
        self.start_apiserver()

    def repair(self) -> list[str]:
        """Start again what died; the names of those."""
        dead = [child.name for child in (self.etcd, self.apiserver) if not child.alive]
        if self.etcd.name in dead:
            self._run_etcd()
        if self.apiserver.name in dead:
            self.start_apiserver()
        return dead

    def ready(self, timeout_s: float = 2) -> bool:
        """Whether the API server answers /readyz with ok."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout_s, context=context)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/readyz", headers={"Authorization": f"Bearer {self.token}"})
            return connection.getresponse().status == http.HTTPStatus.OK
        return False

    def _lay_out(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        certs = self.directory / "certs"
        certs.mkdir(exist_ok=True, mode=0o700)
        if not (certs / "tokens.csv").exists():  # written last: half a directory is laid out again
            pems = certificates.loopback_certificates()
            write_private(certs / "ca.crt", pems.ca)
            write_private(certs / "apiserver.crt", pems.serving_certificate)
            write_private(certs / "apiserver.key", pems.serving_key)
            write_private(certs / "service-accounts.key", certificates.signing_key())
            line = f'{secrets.token_urlsafe(32)},{USER},{USER},"system:masters"\n'
            write_private(certs / "tokens.csv", line.encode())

    def _start_etcd(self) -> None:
        for _ in range(_TRIES):
            self._etcd_port = free_port()
            with contextlib.suppress(PortTakenError):
                return self._run_etcd()
        raise DevError("etcd found no free port")

    def _run_etcd(self) -> None:
        client = f"http://127.0.0.1:{self._etcd_port}"
        self.etcd.start(
            [
                str(self._found.etcd),
                f"--data-dir={self.directory / 'etcd'}",
                f"--listen-client-urls={client}",
                f"--advertise-client-urls={client}",
                "--listen-peer-urls=http://127.0.0.1:0",
                "--unsafe-no-fsync",  # a crash of the machine may cost a dev cluster its data; killed processes do not
                "--log-level=warn",
            ],
            _bare_environment(),
        )
        self._await(self.etcd, self._etcd_healthy)

    def _etcd_healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._etcd_port, timeout=2)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        return False

    def _start_apiserver_somewhere(self) -> None:
        for _ in range(_TRIES):
            self.port = self.port or free_port()
            try:
                return self._start_apiserver()
            except PortTakenError:
                self.port = 0
        raise DevError("kube-apiserver found no free port")

    def _start_apiserver(self) -> None:
        certs = self.directory / "certs"
        self.apiserver.start(
            [
                str(self._found.kube_apiserver),
                f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
                f"--secure-port={self.port}",
                "--bind-address=127.0.0.1",
                f"--cert-dir={certs}",
                f"--tls-cert-file={certs / 'apiserver.crt'}",
                f"--tls-private-key-file={certs / 'apiserver.key'}",
                f"--token-auth-file={certs / 'tokens.csv'}",
                "--authorization-mode=RBAC",
                f"--service-account-key-file={certs / 'service-accounts.key'}",
                f"--service-account-signing-key-file={certs / 'service-accounts.key'}",
                "--service-account-issuer=https://kubernetes.default.svc",
                "--service-cluster-ip-range=10.0.0.0/24",
                "--disable-admission-plugins=ServiceAccount",  # it waits for tokens that no controller makes
                "--endpoint-reconciler-type=none",  # a loopback address may not be an endpoint
                "--profiling=false",
            ],
            _bare_environment(),
        )
        self._await(self.apiserver, self.ready)

    def _await(self, child: Child, healthy: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        while time.monotonic() < deadline:
            # Asked in this order, a stranger's answer on a port we lost is not taken for ours for long.
            if healthy() and child.alive:
                return
            if not child.alive:
                if _TAKEN in child.said():
                    raise PortTakenError(f"{child.name} lost its port to another process")
                raise DevError(
                    f"{child.name} ended with code {child.exit_code}; it wrote to {child.log}:\n{child.last_words()}\n"
                    f"If its data are broken, remove {self.directory / 'etcd'} and start again."
                )
            time.sleep(_POLL_S)
        child.stop()
        raise DevError(f"{child.name} was not ready within {_READY_WITHIN_S:.0f} s; see {child.log}")

    @property
    def _found(self) -> Binaries:
        if self._binaries is None:
            raise DevError("the control plane was not started")
        return self._binaries

    def _write_kubeconfig(self) -> None:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "dev", "cluster": {"server": self.server, "certificate-authority-data": _base64(self.ca_file)}}
            ],
            "users": [{"name": USER, "user": {"token": self.token}}],
            "contexts": [{"name": "dev", "context": {"cluster": "dev", "user": USER, "namespace": "default"}}],
            "current-context": "dev",
        }
        write_private(self.kubeconfig, yaml.safe_dump(config, sort_keys=False).encode())


def _bare_environment() -> dict[str, str]:
    """Nothing of our environment reaches the servers: ETCD_* variables would change etcd, proxies the API server."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
