"""The blocking entry of `reconciler dev simulator`: it says where it is, serves, and ends cleanly."""

import os
import signal
import subprocess
import sys

import pytest

from tests.integration.simulator import given
from tests.integration.simulator.given import Aws

_RUN = "from reconciler.dev.simulator import serve; serve(0, 60.0)"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(number: signal.Signals) -> None:
    command = [sys.executable, "-c", _RUN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "."}) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        aws = Aws(url)
        aws.sm.create_model(**given.model())
        clock = aws.control("GET", "state")["clock"]
        process.send_signal(number)
        assert process.wait(60) == 0
    assert (clock["mode"], clock["factor"]) == ("scaled", 60.0)
