"""The blocking entry of `reconciler dev simulator`: it says where it is, serves, and ends cleanly."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.simulator import given
from tests.integration.simulator.given import Aws, error

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


def test_its_files_say_what_exists_and_who_may_do_what_until_it_ends(tmp_path: Path) -> None:
    (tmp_path / "world.json").write_text(json.dumps({"missing": [given.ROLE]}))
    allow = {"Effect": "Allow", "Action": ["sagemaker:CreateModel", "iam:PassRole"], "Resource": "*"}
    (tmp_path / "policy.json").write_text(json.dumps({"Statement": allow}))
    files = [f"--world={tmp_path}/world.json", f"--iam-policy={tmp_path}/policy.json"]
    command = [sys.executable, "-m", "reconciler", "dev", "simulator", *files]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = [process.stdout.readline() for _ in range(2)][1].split()[-1]
        aws = Aws(url)
        for _ in range(2):
            assert "The execution role ARN" in error(lambda: aws.sm.create_model(**given.model()))[1]
            assert error(aws.sm.list_models)[0] == "AccessDeniedException"
            aws.control("POST", "settings", {"missing": []})
            aws.control("POST", "iam", {"policy": None})
            assert error(lambda: aws.sm.create_model(**given.model())) == ("OK", "")
            aws.control("POST", "reset")
        process.terminate()


@pytest.mark.parametrize(
    ("flag", "text", "reason"),
    [
        ("--world", "[]", "not a JSON object"),
        ("--world", '{"absent": []}', "unknown settings: absent"),
        ("--iam-policy", "{", "Expecting property name"),
        ("--iam-policy", '{"Statement": {"Effect": "Perhaps"}}', "Effect is Allow or Deny"),
    ],
    ids=["a list", "a setting that nobody reads", "no JSON", "no policy"],
)
def test_a_file_that_is_not_understood_is_named_with_the_reason(
    tmp_path: Path, flag: str, text: str, reason: str
) -> None:
    file = tmp_path / "given.json"
    file.write_text(text)
    command = [sys.executable, "-m", "reconciler", "dev", "simulator", f"{flag}={file}"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert f"{file}: {reason}" in ended.stderr
