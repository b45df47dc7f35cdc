"""The `reconciler` command: a table of subcommands, each loaded only when it is asked for.

Knows names, one-line helps and where each command lives. Refuses to import any of them: `reconciler --help` and shell
completion answer at once, and the embedded default (`reconciler.dev`) stays something that only the table names, so the
service never carries it.
"""

import importlib
from collections.abc import Mapping

import click

from reconciler import __version__

COMMANDS: Mapping[str, tuple[str, str]] = {
    "run": ("reconciler.cli_run:run", "Run the service: sync, reconcile, webhooks, metrics, probes."),
    "validate": ("reconciler.cli_validate:validate", "Check manifests offline; exit 0 when valid, 1 when not."),
    "crds": ("reconciler.cli_crds:crds", "Print the CRDs as YAML."),
    "demo": ("reconciler.dev.demo.command:demo", "See the whole story on this machine, narrated."),
    "dev": ("reconciler.dev.cli:dev", "A control plane and a SageMaker simulator on this machine."),
}


class LazyGroup(click.Group):
    """A click group whose subcommands are imported on first use."""

    def __init__(self, *args: object, commands_at: Mapping[str, tuple[str, str]], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type] # click's own keywords, passed through
        self._commands_at = commands_at

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self._commands_at, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._commands_at:
            return super().get_command(ctx, cmd_name)
        return _load(cmd_name, self._commands_at[cmd_name][0])

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _ = ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._commands_at.items()])


def _load(name: str, where: str) -> click.Command:
    module_name, attribute = where.split(":")
    try:
        command = getattr(importlib.import_module(module_name), attribute)
    except ModuleNotFoundError as missing:
        lacking = missing.name or ""
        if module_name == lacking or module_name.startswith(f"{lacking}."):
            raise click.ClickException(f"`reconciler {name}` is not part of this installation") from None
        if lacking.split(".")[0] == "reconciler":
            raise
        raise click.ClickException(
            f"`reconciler {name}` needs the Python package {lacking!r}; install it with: pip install 'sagemaker-gitops[dev]'"
        ) from None
    if not isinstance(command, click.Command):
        raise TypeError(f"{where} is no click command")
    return command


@click.group(
    cls=LazyGroup,
    commands_at=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog="Try it without AWS or a cluster: `reconciler demo`. Help on one command: `reconciler run --help`.",
)
@click.version_option(__version__, prog_name="reconciler")
def main() -> None:
    """Reconcile Amazon SageMaker with YAML in Git, through Kubernetes custom resources."""
