"""`reconciler demo`: the whole story on this machine, and an exit code that says whether it was seen to happen."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click

from reconciler.dev.demo import narrator
from reconciler.dev.demo.stage import NotSeenError, Stage
from reconciler.dev.demo.story import STORY
from reconciler.dev.errors import DevError


@click.command(context_settings={"show_default": True})
@click.option("--speed", type=click.FloatRange(1, 600), default=60.0, help="How fast SageMaker's own time passes.")
@click.option("--keep", is_flag=True, help="Leave everything running at the end until Ctrl-C, to look around.")
def demo(speed: float, *, keep: bool) -> None:
    """See the whole story on this machine: a push trains, a push deploys, a bad one is rolled back, a revert puts it right.
    Exits 0 only if every step was seen to happen.
    """
    narrator.tell(
        "A real Kubernetes control plane, a real Git repository and the service; only SageMaker is simulated, and its clock "
        f"runs {speed:g} times as fast as yours. What follows a $ is typed and prints what stands below it."
    )
    with tempfile.TemporaryDirectory(prefix="sagemaker-gitops-demo-") as directory:
        try:
            with Stage(Path(directory), speed) as stage:
                _play(stage)
                if keep:
                    _linger(stage)
        except (DevError, NotSeenError) as error:
            raise click.ClickException(str(error)) from None


def _play(stage: Stage) -> None:
    began = time.monotonic()
    for number, (title, scene) in enumerate(STORY, 1):
        narrator.title(f"{number}. {title}")
        try:
            scene(stage)
        except NotSeenError as error:
            click.secho(f"\nStep {number} was not seen: {error}", fg="red", err=True)
            click.echo(f"The service's last words:\n{stage.last_words()}", err=True)
            raise SystemExit(1) from None
    click.echo()
    click.secho(f"All {len(STORY)} steps were seen, in {time.monotonic() - began:.0f} s.", bold=True)


def _linger(stage: Stage) -> None:
    click.echo(
        f"Everything is still up. In another shell: set -a; . {stage.directory}/dev/env; set +a; kubectl get sagemaker"
    )
    click.echo("Ctrl-C ends it.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        click.echo()
