"""Usage, output forms and completion: what needs neither a cluster nor AWS."""

import io
import json
import subprocess
import sys
from collections.abc import Sequence

import pytest
from click.testing import CliRunner

from reconciler.plugins.connection import ConnectionFlags
from reconciler.plugins.smlogs.command import smlogs
from reconciler.plugins.smlogs.completion import candidates
from reconciler.plugins.smlogs.kinds import LogKind
from reconciler.plugins.smlogs.lines import LogEvent, Printer, json_line, text_line
from reconciler.plugins.times import go_time

EVENT = LogEvent("7", "job/algo-1", 1574811673449, "epoch 1\tloss 0.5 \n", 0)
AT = go_time(EVENT.timestamp_ms)


@pytest.mark.parametrize(
    ("hide", "line"), [(False, f"job/algo-1 {AT} epoch 1\tloss 0.5 \n"), (True, f"{AT} epoch 1\tloss 0.5 \n")]
)
def test_a_line_is_the_archived_plugins(hide: bool, line: str) -> None:
    assert text_line(hide_stream=hide)(EVENT) == line


def test_json_is_an_object_a_line() -> None:
    told = json.loads(json_line(hide_stream=False)(LogEvent("7", "s", 0, "zwei\nZeilen ü", 0)))
    assert told == {
        "timestamp": "1970-01-01T00:00:00.000Z",
        "logStream": "s",
        "message": "zwei\nZeilen ü",
        "eventId": "7",
    }
    assert "logStream" not in json.loads(json_line(hide_stream=True)(EVENT))


def test_what_a_terminal_cannot_show_is_escaped() -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, "ascii", errors="backslashreplace")
    Printer(stream, text_line(hide_stream=True)).show([LogEvent("1", "s", 0, "ü \ud800", 0)])
    assert written.getvalue().endswith(b"\\xfc \\ud800\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["pod", "x"], "'pod' is no kind with logs; there are TrainingJob"),
        (["TrainingJob"], "exactly one resource name is needed after KIND (got none); see: kubectl get trainingjobs"),
        (["TrainingJob", "a", "b"], "(got a, b)"),
        (["TrainingJob/"], "(got none)"),
        (["TrainingJob", "a", "--since", "yesterday"], "neither a duration"),
        (["TrainingJob", "a", "--tail", "-2"], "--tail"),
        (["TrainingJob", "a", "--poll-interval", "0"], "longer than nothing"),
        (["TrainingJob", "a", "--request-timeout", "soon"], "no duration"),
        (["TrainingJob", "a", "-o", "xml"], "'xml'"),
        (["TrainingJob", "a", "--nope"], "--nope"),
        (["TrainingJob", "a", "--follow=perhaps"], "'perhaps' is not a valid boolean"),
    ],
)
def test_wrong_usage_exits_2_and_says_why(arguments: list[str], says: str) -> None:
    ended = CliRunner().invoke(smlogs, arguments)
    assert ended.exit_code == 2
    assert says in ended.output


@pytest.mark.parametrize(
    ("arguments", "follow", "hide"),
    [
        (["--follow=true", "--hide-log-stream-name=false"], True, False),
        (["-f=false", "--hide-log-stream-name=1"], False, True),
        (["-f", "--hide-log-stream-name"], True, True),
        (["--", "--follow=true"], False, False),
    ],
)
def test_a_switch_takes_a_value_as_in_the_archived_plugin(arguments: list[str], follow: bool, hide: bool) -> None:
    with smlogs.make_context("smlogs", ["TrainingJob", *arguments]) as context:
        assert (context.params["follow"], context.params["hide_log_stream_name"]) == (follow, hide)


def test_help_teaches_and_loads_nothing_heavy() -> None:
    script = (
        "import sys\nfrom reconciler.plugins.smlogs.command import smlogs\n"
        "try: smlogs.main(['--help'])\nexcept SystemExit: pass\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('boto3', 'botocore', 'kubernetes')])"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert "Examples:\n  kubectl smlogs" in told.replace("    kubectl", "  kubectl").replace("  Examples", "Examples")
    assert told.splitlines()[-1] == "[]"


def names(kind: LogKind, flags: ConnectionFlags) -> Sequence[str]:
    return (f"{kind.plural}-{flags.namespace or 'here'}", "other")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["t"], ["TrainingJob", ":4"]),
        (["H"], ["HyperparameterTuningJob", "HostingDeployment", ":4"]),
        (["TrainingJob", ""], ["trainingjobs-here", "other", ":4"]),
        (["TrainingJob", "-n", "prod", "tr"], ["trainingjobs-prod", ":4"]),
        (["-f", "TrainingJob", "o"], ["other", ":4"]),
        (["TrainingJob", "x", ""], [":4"]),
        (["pod", ""], [":4"]),
        (["TrainingJob", "x", "--hide"], ["--hide-log-stream-name", ":4"]),
        (["TrainingJob", "x", "-o", "j"], ["json", ":4"]),
        (["TrainingJob", "x", "--kubeconfig", ""], [":0"]),
        (["TrainingJob", "x", "--since", ""], [":4"]),
    ],
)
def test_completion(words: list[str], found: list[str]) -> None:
    assert candidates(words, names) == found


def test_completion_of_nothing_names_every_kind() -> None:
    assert len(candidates([], names)) == 6
