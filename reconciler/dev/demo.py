"""`reconciler demo`: the whole story on this machine, and an exit code that says whether it was seen to happen."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click

from reconciler.dev.errors import DevError
from reconciler.dev.stage import NotSeenError, Stage
from reconciler.dev.story import STORY


@click.command(context_settings={"show_default": True})
@click.option("--speed", type=click.FloatRange(1, 600), default=60.0, help="How fast SageMaker's own time passes.")
@click.option("--keep", is_flag=True, help="Leave everything running at the end until Ctrl-C, to look around.")
def demo(speed: float, *, keep: bool) -> None:
    """See the whole story on this machine: a push trains, a push deploys, a revert takes back. Exits 0 only if every step
    was seen to happen.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sagemaker-gitops-demo-") as directory:
        try:
            with Stage(Path(directory), speed) as stage:
                for number, (title, scene) in enumerate(STORY, 1):
                    stage.title(f"{number}. {title}")
                    try:
                        scene(stage)
                    except NotSeenError as error:
                        click.secho(f"\nStep {number} was not seen: {error}", fg="red", err=True)
                        click.echo(f"The service's last words:\n{stage.last_words()}", err=True)
                        raise SystemExit(1) from None
                click.echo()
                click.secho(f"All {len(STORY)} steps were seen, in {time.monotonic() - began:.0f} s.", bold=True)
                if keep:
                    _linger(stage)
        except (DevError, NotSeenError) as error:
            raise click.ClickException(str(error)) from None


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
