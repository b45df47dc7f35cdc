"""`reconciler dev`: arguments, what a person reads, exit codes. The work is in `environment` and `binaries`."""

import functools
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, ParamSpec, TypeVar

import click

from reconciler.dev import binaries as found
from reconciler.dev import rights
from reconciler.dev.children import free_port
from reconciler.dev.environment import Environment, EnvironmentRecord, EnvironmentStatus, Options, look, stop
from reconciler.dev.errors import DevError
from reconciler.dev.progress import elapsed

P = ParamSpec("P")
R = TypeVar("R")

_READY_WITHIN_S = 180.0
_REPAIRED_WITHIN_S = 20.0
_POLL_S = 0.1

_directory = click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".dev"),
    show_default=True,
    help="Where the environment lives: kubeconfig, env file, logs, data.",
)
_speed = click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="How much faster than the wall clock SageMaker's own times pass: at 60 a minute takes a second.",
)


def _telling(command: Callable[P, R]) -> Callable[P, R]:
    """A failure we understand is a message and exit code 1, not a traceback."""

    @functools.wraps(command)
    def reported(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except DevError as error:
            raise click.ClickException(str(error)) from None

    return reported


_JSON_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_iam_policy = click.option(
    "--iam-policy",
    type=_JSON_FILE,
    help="Deny what this IAM policy does not allow, but to access keys that begin with `console`.",
)


@click.group()
def dev() -> None:
    """A control plane and a SageMaker simulator on this machine.

    A real kube-apiserver with etcd, and a SageMaker that trains nothing and costs nothing. Needs no cluster, no
    containers and no AWS account.

    \b
      reconciler dev up --detach          start; ready in some seconds
      set -a; . .dev/env; set +a          point kubectl, aws and reconciler at it
      kubectl get trainingjobs            ...
      reconciler dev down                 stop; the data stay for the next `up`
    """


@dev.command()
@_directory
@click.option("--detach", is_flag=True, help="Return when ready and leave it running, until `reconciler dev down`.")
@_speed
@_iam_policy
@click.option(
    "--kubeconfig",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Use the cluster of this file instead of starting a control plane. Installs the CRDs there.",
)
@click.option(
    "--run", is_flag=True, help="Start the service (`reconciler run`) as well, with the environment's variables."
)
@_telling
def up(
    directory: Path, *, detach: bool, speed: float, iam_policy: Path | None, kubeconfig: Path | None, run: bool
) -> None:
    """Start the environment and say when it is ready.

    Without --detach it stays in the foreground; Ctrl-C stops everything it started. Started again in the same directory it
    says that it runs already, and replaces what no longer answers.

    \b
      reconciler dev up                              in the foreground, in ./.dev
      reconciler dev up --detach --run --speed 600   with the service, ten minutes a second
      reconciler dev up --kubeconfig ~/.kube/config  simulator and CRDs only, on a cluster of yours
    """
    options = Options(
        speed=speed,
        kubeconfig=str(kubeconfig.absolute()) if kubeconfig else "",
        run=run,
        iam_policy=str(iam_policy.absolute()) if iam_policy else "",
    )
    if _runs_already(directory, options):
        return
    if detach:
        found.find()  # a first build is seen to go on, before the rest goes into the background
        _detach(directory, options)
    else:
        _stay(directory, options)


@dev.command()
@_directory
@_telling
def down(directory: Path) -> None:
    """Stop the environment in a directory; its data stay.

    Stopping what does not run is fine. To start from nothing, remove the directory afterwards.
    """
    if stop(directory):
        click.echo(
            f"Stopped what ran in {directory}; its data stay for the next `reconciler dev up{_dir_flag(directory)}`"
        )
    else:
        click.echo(f"Nothing runs in {directory}")


@dev.command()
@_directory
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@_telling
def status(directory: Path, output: str) -> None:
    """Say what runs in a directory; exit code 0 when all of it is ready, 1 when not.

    \b
      reconciler dev status
      reconciler dev status -o json | jq -r .simulator.url
    """
    seen = look(directory)
    if output == "json":
        click.echo(json.dumps(_as_json(directory, seen), indent=2))
    elif not seen.running:
        click.echo(f"Nothing runs in {directory}; start it with: reconciler dev up{_dir_flag(directory)}")
    else:
        _print_look(directory, seen)
    sys.exit(0 if seen.ready else 1)


@dev.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port on the loopback address; default: a free one."
)
@_speed
@_iam_policy
@click.option(
    "--world",
    type=_JSON_FILE,
    help="Settings as POST /_sim/settings takes them: which roles, images and S3 URIs are missing, among others.",
)
@_telling
def simulator(port: int, speed: float, iam_policy: Path | None, world: Path | None) -> None:
    """Run the SageMaker simulator alone, until Ctrl-C.

    Any AWS client works with it; /_sim/ on the same port controls clock, faults and failures.

    \b
      reconciler dev simulator --port 5010
      reconciler dev simulator --iam-policy deploy/iam/policy.json
      aws --endpoint-url http://127.0.0.1:5010 sagemaker list-training-jobs
    """
    from reconciler.dev.simulator import serve  # noqa: PLC0415 # seconds of imports that no other command needs

    policy, given = rights.read(iam_policy) if iam_policy else None, rights.read(world) if world else None
    port = port or free_port()
    click.echo(f"SageMaker simulator: http://127.0.0.1:{port} (speed {speed:g})")
    try:
        serve(port, speed, policy, given)
    except ValueError as problem:
        raise DevError(f"{iam_policy or world}: {problem}") from None


@dev.command()
@click.option("--profile", default="", help="Of the AWS configuration; default: boto3's chain.")
@click.option("--region", default="", help="An account's region. Without this and the next two: the simulator.")
@click.option("--role", default="", help="ARN of a role that SageMaker may assume and that may use the bucket.")
@click.option("--bucket", default="", help="A bucket in the region, for a few small objects.")
@click.option("--image", default="", help="SageMaker's image of XGBoost, in regions that are not known here.")
@click.option("--only", multiple=True, help="A row such as SM-77, or a family such as jobs; repeat for several.")
@click.option("--yes", is_flag=True, help="Do not ask before something is made in an account.")
@click.option(
    "--record",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".dev/conformance"),
    show_default=True,
    help="Where the transcripts go.",
)
@_telling
def conformance(
    *, profile: str, region: str, role: str, bucket: str, image: str, only: tuple[str, ...], yes: bool, record: Path
) -> None:
    """BeliefCheck what is believed of SageMaker (docs/sagemaker-facts.md), against the simulator or an account.

    Says first what it will make and what that costs at most; takes it away at the end, also after Ctrl-C. Exit code 1 when
    a row does not hold.

    \b
      reconciler dev conformance
      reconciler dev conformance --only SM-77 --only immutable
      reconciler dev conformance --region eu-west-1 --role arn:aws:iam::...:role/... --bucket mine
    """
    from reconciler.dev.conformance import command  # noqa: PLC0415 # boto3, which no other command needs

    sys.exit(command.examine(command.AskedChecks(profile, region, role, bucket, image), only, record, yes=yes))


@dev.command()
@_telling
def binaries() -> None:
    """Find kube-apiserver, etcd and kubectl, building or fetching them once, and print where they are.

    Looked for in KUBEBUILDER_ASSETS, PATH and the cache. The first build takes about eight minutes on two cores.
    """
    paths = found.find()
    for name, path in (("kube-apiserver", paths.kube_apiserver), ("etcd", paths.etcd), ("kubectl", paths.kubectl)):
        click.echo(f"{name:15} {path}")


def _runs_already(directory: Path, options: Options) -> bool:
    """Whether a healthy environment has the directory; one that stays sick is stopped, to be started anew."""
    seen = look(directory)
    if not seen.running:
        return False
    # Whoever owns it repairs it by itself; a starting one becomes ready.
    patience_s = _READY_WITHIN_S if seen.state.phase == "Starting" else _REPAIRED_WITHIN_S
    deadline = time.monotonic() + patience_s
    while seen.running and not seen.ready and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        seen = look(directory)
    if seen.ready:
        click.echo(f"Runs already in {directory} (process {seen.pid})")
        if seen.state.options != options:
            where = _dir_flag(directory)
            click.echo(f"with other options than these; to change them: reconciler dev down{where}, then up{where}")
        _print_look(directory, seen)
        return True
    if seen.running:
        click.echo(f"What runs in {directory} (process {seen.pid}) does not answer; starting it anew", err=True)
        stop(directory)
    return False


def _stay(directory: Path, options: Options) -> None:
    began = time.monotonic()
    stopping = threading.Event()
    environment = Environment(directory, options)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        state = environment.up()
        _print_ready(directory, state, time.monotonic() - began)
        click.echo("  stop it      Ctrl-C")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: stopping.set())
        environment.keep(stopping)
    except KeyboardInterrupt:
        click.echo("Interrupted before it was ready; everything started is stopped", err=True)
        sys.exit(130)
    click.echo("Stopping", err=True)
    environment.down()


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _detach(directory: Path, options: Options) -> None:
    began = time.monotonic()
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = directory / "log" / "supervisor.log"
    log.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "reconciler", "dev", "up", f"--dir={directory}", f"--speed={options.speed!r}"]
    command += [f"--kubeconfig={options.kubeconfig}"] if options.kubeconfig else []
    command += ["--run"] if options.run else []
    command += [f"--iam-policy={options.iam_policy}"] if options.iam_policy else []
    with log.open("wb") as written:
        owner = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=written, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _await_ready(directory, owner, log)
    except BaseException:
        owner.terminate()
        owner.wait()
        raise
    _print_ready(directory, EnvironmentRecord.read(directory), time.monotonic() - began)
    click.echo(f"  stop it      reconciler dev down{_dir_flag(directory)}")


def _await_ready(directory: Path, owner: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline:
        state = EnvironmentRecord.read(directory)
        if state.pid == owner.pid and state.phase == "Ready":
            return
        if owner.poll() is not None:
            raise DevError(
                log.read_text(errors="replace").strip().removeprefix("Error: ")
                or f"it ended with code {owner.returncode}"
            )
        time.sleep(_POLL_S)
    raise DevError(f"it was not ready within {_READY_WITHIN_S:.0f} s; see {log}")


def _print_ready(directory: Path, state: EnvironmentRecord, took_s: float) -> None:
    click.secho(f"Ready in {elapsed(took_s)}", fg="green")
    _print_where(directory, state)


def _print_where(directory: Path, state: EnvironmentRecord) -> None:
    click.echo(f"  kubeconfig   {state.kubeconfig}")
    click.echo(f"  simulator    {state.simulator} (speed {state.options.speed:g})")
    if state.options.run:
        click.echo(f"  service      {state.service} (log in {directory / 'log' / 'service.log'})")
    click.echo(
        f"  use it       set -a; . {directory / 'env' if directory.is_absolute() else f'./{directory}/env'}; set +a"
    )


def _print_look(directory: Path, seen: EnvironmentStatus) -> None:
    parts = {"control plane": seen.control_plane, "simulator": seen.simulator, "service": seen.service}
    for name, answers in parts.items():
        if answers is not None:
            click.echo(f"  {name:12} ", nl=False)
            click.secho("ready" if answers else "does not answer", fg="green" if answers else "red")
    _print_where(directory, seen.state)


def _as_json(directory: Path, seen: EnvironmentStatus) -> dict[str, Any]:
    state = seen.state
    running = seen.running
    return {
        "directory": str(directory.resolve()),
        "running": running,
        "ready": seen.ready,
        "phase": state.phase if running else "Stopped",
        "pid": seen.pid or None,
        "pids": (state.pids or {}) if running else {},
        "kubeconfig": state.kubeconfig or None,
        "env": str(directory.resolve() / "env"),
        "controlPlane": {"ready": seen.control_plane, "embedded": not state.options.kubeconfig},
        "simulator": {"ready": seen.simulator, "url": state.simulator or None, "speed": state.options.speed},
        "service": None if seen.service is None else {"ready": seen.service, "url": state.service},
    }


def _dir_flag(directory: Path) -> str:
    return "" if directory == Path(".dev") else f" --dir {directory}"
