"""The HTTP server: threads, kept connections, one port for every service."""

import signal
import socket
import threading
import traceback
from collections.abc import Mapping
from types import FrameType
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import ThreadedWSGIServer

from reconciler.dev.simulator import wire
from reconciler.dev.simulator.autoscaling import ApplicationAutoScaling
from reconciler.dev.simulator.control import Control
from reconciler.dev.simulator.front import Front
from reconciler.dev.simulator.iam import IamEnforcer
from reconciler.dev.simulator.kinds import KINDS
from reconciler.dev.simulator.neighbours import Moto, mend_moto
from reconciler.dev.simulator.requests import RequestLog
from reconciler.dev.simulator.service import SageMaker
from reconciler.dev.simulator.throttle import Throttle
from reconciler.dev.simulator.world import SimulatedKind, World

_HOST = "127.0.0.1"
_POLL_S = 0.02  # how long a stop waits to be noticed


class _SimulatorHandler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body go out in two writes: with Nagle's algorithm each answer would wait for the client's ACK.
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        """Answer and keep the connection.

        werkzeug's own closes it, lest a body be left unread, and waits 10 ms to drain it; the front reads each whole.
        """
        head: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _exc: Any = None) -> None:
            head[:] = [status, headers]

        application: Any = self.server.app
        try:
            body = b"".join(application(self.make_environ(), start_response))
        except ConnectionError:
            self.close_connection = True
            return
        except Exception:  # noqa: BLE001 -- a bug here is a 500 for the client and a traceback for the developer
            traceback.print_exc()
            body = b"{}"
            head[:] = ["500 Internal Server Error", [("Content-Type", wire.JSON)]]
        status, headers = head
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        bodyless = self.command == "HEAD" or code in ("204", "304")
        if not bodyless and "content-length" not in {name.lower() for name, _ in headers}:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not bodyless:
            self.wfile.write(body)

    def log(self, *_: Any) -> None:
        """The record is at /_sim/requests; the terminal belongs to whoever runs us."""


class _SimulatorServer(ThreadedWSGIServer):
    """Knows its open connections: kept ones would otherwise be served after the end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*args, **kwargs)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def close_all(self) -> None:
        self.shutdown()
        self.server_close()
        for connection in list(self._open):
            wire.shut(connection)


class Simulator:
    """SageMaker and, by moto, its neighbours, on one port. One at a time per process: moto's state is global.

    `speed` scales the clock (1 is real time); `throttle` switches the rate limits on. `iam_policy` is what callers may do,
    `given` the settings, for as long as it runs. Start forgets what an earlier simulator of this process has left behind.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        speed: float = 1.0,
        throttle: bool = False,
        iam_policy: Mapping[str, Any] | None = None,
        given: Mapping[str, Any] | None = None,
    ) -> None:
        mend_moto()
        moto = Moto()
        log = RequestLog()
        self._world = World(KINDS, moto, factor=speed, given=given)
        limits = Throttle(enabled=throttle, simulated=self._world.clock.now)
        self._sagemaker = sagemaker = SageMaker(self._world, limits)
        iam = IamEnforcer(self._world, moto.caller_arn, iam_policy)
        self._control = Control(self._world, sagemaker, log, limits, iam)
        scaling = ApplicationAutoScaling(self._world, limits)
        front = Front(
            self._world, sagemaker=sagemaker, scaling=scaling, log=log, control=self._control, moto=moto, iam=iam
        )
        self.application = front
        """For whoever is in this process and wants no socket in between."""
        self._server = _SimulatorServer(_HOST, port, front, handler=_SimulatorHandler)
        self.url = f"http://{_HOST}:{self._server.server_port}"

    def start(self) -> None:
        self._control.reset()
        self._world.clock.start()
        threading.Thread(
            target=self._server.serve_forever, args=(_POLL_S,), name="simulator-server", daemon=True
        ).start()

    def add(self, kind: SimulatedKind) -> None:
        """Serve one more kind, for as long as it runs: tests bring kinds of their own."""
        self._world.kinds[kind.name] = kind
        self._sagemaker.serve(kind)

    def stop(self) -> None:
        self._world.clock.stop()
        self._world.faults.clear()
        self._server.close_all()


def serve(
    port: int, speed: float, iam_policy: Mapping[str, Any] | None = None, given: Mapping[str, Any] | None = None
) -> None:
    """Run until SIGTERM or Ctrl-C. For the main thread: only there do signals arrive."""
    over = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        over.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    simulator = Simulator(port=port, speed=speed, iam_policy=iam_policy, given=given)
    simulator.start()
    print(f"simulator ready at {simulator.url}", flush=True)
    over.wait()
    simulator.stop()
