"""Help, wrong usage, completion: what needs no cluster."""

import subprocess
import sys
import warnings

import click
import pytest
from click.testing import CliRunner

from reconciler.kinds import CATALOG
from reconciler.plugins.sagemaker.command import COMMANDS, sagemaker
from reconciler.plugins.sagemaker.completion import candidates
from reconciler.plugins.sagemaker.kinds import every_kind, kind_named
from tests.unit.plugins.sagemaker.builders import hosting

NAMES = [
    "status",
    "history",
    "diff",
    "drift",
    "trace",
    "sync",
    "wait",
    "rollback",
    "retry",
    "rerun",
    "approve",
    "suspend",
    "resume",
]
SEEN = [
    ("HostingDeployment", "churn", hosting().status),
    ("TrainingJob", "train", {"run": {"name": "train-1"}}),
    ("GitSync", "team", {}),
]


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_every_command_teaches(command: click.Command) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # click warns of an option that is there twice
        ended = CliRunner().invoke(sagemaker, [str(command.name), "--help"])
    assert ended.exit_code == 0
    for part in ("Examples:", f"kubectl sagemaker {command.name}", "Exit codes", "--namespace"):
        assert part in ended.output
    assert "--client-key" not in ended.output


def test_the_commands_of_the_design_but_plan() -> None:
    assert list(sagemaker.commands) == NAMES


@pytest.mark.parametrize(
    "arguments",
    [
        ["statsu"],
        ["status", "-o", "xml"],
        ["status", "a", "-A"],
        ["history"],
        ["wait", "a", "--for", "gladness"],
        ["wait", "a", "--timeout", "soon"],
        ["rollback", "a", "--until", "yesterday"],
        ["rollback", "a", "--end", "--to", "1"],
        ["sync", "a", "--all"],
    ],
)
def test_wrong_usage_is_two(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/dev/null")
    ended = CliRunner().invoke(sagemaker, [*arguments, "--server", "127.0.0.1:1"])
    assert ended.exit_code == 2, ended.output


@pytest.mark.parametrize("command", COMMANDS, ids=str)
@pytest.mark.parametrize(("value", "holds"), [("true", True), ("false", False)])
def test_switches_take_a_value_as_in_kubectl(command: click.Command, value: str, holds: bool) -> None:
    given = ["churn", f"--insecure-skip-tls-verify={value}"]
    assert command.make_context(command.name, given).params["insecure_skip_tls_verify"] is holds


@pytest.mark.parametrize("text", ["TrainingJob", "trainingjobs", "hap", "gsync", "model.sagemaker.aws.amazon.com"])
def test_kinds_have_many_names(text: str) -> None:
    assert kind_named(text) is not None


def test_every_kind_is_known_and_syncs_come_first() -> None:
    kinds = [one.kind for one in every_kind()]
    assert sorted(kinds) == sorted(schema.kind for schema in CATALOG.schemas)
    assert kinds[0] == "GitSync"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        pytest.param([""], [*NAMES, ":4"], id="commands"),
        pytest.param(["re"], ["retry", "rerun", "resume", ":4"], id="some commands"),
        pytest.param(["status", ""], ["churn", "team", "train", ":4"], id="names"),
        pytest.param(["status", "churn", ""], [":4"], id="one name is enough"),
        pytest.param(["wait", "churn", "t"], ["team", "train", ":4"], id="several names"),
        pytest.param(["wait", "churn", ""], ["team", "train", ":4"], id="not the same twice"),
        pytest.param(["status", "gitsync", ""], ["team", ":4"], id="names of the kind before"),
        pytest.param(["wait", "gitsync", ""], ["team", ":4"], id="names of the kind before, where several are taken"),
        pytest.param(["status", "gitsync", "team", ""], [":4"], id="nothing after a kind and a name"),
        pytest.param(["rollback", ""], ["churn", ":4"], id="only endpoints are rolled back"),
        pytest.param(["rerun", ""], ["train", ":4"], id="only jobs are rerun"),
        pytest.param(["approve", ""], ["team", ":4"], id="only syncs are approved"),
        pytest.param(["status", "hostingd"], ["hostingdeployment/", ":6"], id="kinds"),
        pytest.param(["status", "HostingDeployment/c"], ["HostingDeployment/churn", ":4"], id="a name of a kind"),
        pytest.param(["rollback", "churn", "--to", ""], ["1", ":4"], id="what succeeded and does not serve"),
        pytest.param(["history", "churn", "--id", ""], ["3", "2", "1", ":4"], id="every entry"),
        pytest.param(["history", "train", "--id", ""], ["train-1", ":4"], id="runs"),
        pytest.param(["retry", "churn", "--hash", ""], ["h3", ":4"], id="quarantined"),
        pytest.param(["wait", "churn", "--for", "r"], ["Ready", "revision=", ":4"], id="goals"),
        pytest.param(["status", "-o", "j"], ["json", ":4"], id="forms"),
        pytest.param(["status", "-n", "s"], ["shop", ":4"], id="namespaces"),
        pytest.param(["status", "--context", "prod", "--namespace", "p"], ["prod-ml", ":4"], id="of that cluster"),
        pytest.param(["history", "churn", "--repo", ""], [":0"], id="directories"),
        pytest.param(["status", "--wat"], ["--watch", ":4"], id="flags"),
        pytest.param(["nonsense", ""], [":4"], id="nothing"),
    ],
)
def test_completion(words: list[str], found: list[str]) -> None:
    assert candidates(words, lambda _: SEEN, lambda flags: [f"{flags.context}-ml", "shop"]) == found


def test_a_name_that_is_a_word_for_a_kind_too_is_completed_as_a_name() -> None:
    seen = [*SEEN, ("GitSync", "models", {})]
    assert candidates(["wait", "models", ""], lambda _: seen, lambda _: []) == ["churn", "team", "train", ":4"]


def test_help_and_completion_of_commands_load_no_cluster() -> None:
    """Both must answer while a person waits."""
    program = (
        "import sys; from reconciler.plugins.sagemaker.completion import candidates; candidates(['st'], None, None); "
        "sys.exit('kubernetes' in sys.modules or 'reconciler.kinds' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
