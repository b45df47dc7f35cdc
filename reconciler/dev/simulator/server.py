"""The HTTP server: threads, kept connections, one port for every service."""

import signal
import socket
import threading
from types import FrameType
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import ThreadedWSGIServer

from reconciler.dev.simulator import tagging, wire
from reconciler.dev.simulator.control import Control
from reconciler.dev.simulator.front import Front
from reconciler.dev.simulator.kinds import KINDS
from reconciler.dev.simulator.neighbours import Moto, speed_up_moto
from reconciler.dev.simulator.requests import RequestLog
from reconciler.dev.simulator.service import SageMaker
from reconciler.dev.simulator.throttle import Throttle
from reconciler.dev.simulator.world import World

_HOST = "127.0.0.1"


class _Handler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body go out in two writes: with Nagle's algorithm each answer would wait for the client's ACK.
    disable_nagle_algorithm = True

    def send_header(self, keyword: str, value: str) -> None:
        """Keep the connection: werkzeug would close it lest a body be left unread, but the front reads each whole."""
        if (keyword.lower(), value.lower()) != ("connection", "close"):
            super().send_header(keyword, value)

    def log(self, *_: Any) -> None:
        """The record is at /_sim/requests; the terminal belongs to whoever runs us."""


class _Server(ThreadedWSGIServer):
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

    `speed` scales the clock (1 is real time); `throttle` switches the rate limits on. Start forgets what an earlier
    simulator of this process has left behind.
    """

    def __init__(self, *, port: int = 0, speed: float = 1.0, throttle: bool = False) -> None:
        speed_up_moto()
        moto = Moto()
        limits = Throttle(enabled=throttle)
        log = RequestLog()
        self._world = World(KINDS, moto, factor=speed)
        sagemaker = SageMaker(self._world, limits)
        self._control = Control(self._world, sagemaker, log, limits)
        front = Front(self._world, sagemaker, log, self._control, moto)
        self._server = _Server(_HOST, port, front, handler=_Handler)
        self.url = f"http://{_HOST}:{self._server.server_port}"

    def start(self) -> None:
        tagging.install(self._world)
        self._control.reset()
        self._world.clock.start()
        threading.Thread(target=self._server.serve_forever, name="simulator-server", daemon=True).start()

    def stop(self) -> None:
        self._world.clock.stop()
        self._world.faults.clear()
        self._server.close_all()


def serve(port: int, speed: float) -> None:
    """Run until SIGTERM or Ctrl-C. For the main thread: only there do signals arrive."""
    over = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        over.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    simulator = Simulator(port=port, speed=speed)
    simulator.start()
    print(f"simulator ready at {simulator.url}", flush=True)
    over.wait()
    simulator.stop()
