"""`kubectl sagemaker`: the subcommands in the order in which people need them."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from reconciler import __version__
from reconciler.plugins import terminal
from reconciler.plugins.sagemaker import commands_act, commands_look, commands_wait

COMMANDS: tuple[click.Command, ...] = (
    commands_look.status,
    commands_look.history,
    commands_look.diff,
    commands_look.drift,
    commands_look.trace,
    commands_act.sync,
    commands_wait.wait,
    commands_act.rollback,
    commands_act.retry,
    commands_act.rerun,
    commands_act.approve,
    commands_act.suspend,
    commands_act.resume,
)


class _InOrder(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self.commands)


@click.group(
    cls=_InOrder,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog="""\b
Where to begin:
  kubectl sagemaker status                     how everything is, and what is wrong with what is not
  kubectl sagemaker history NAME               what was rolled out or run, by whose commit, and how it ended
  kubectl sagemaker COMMAND --help             examples and exit codes

Objects are named NAME, or KIND/NAME or KIND NAME where a name is taken twice. All connection flags of kubectl work, after the
command: -n, --context, --kubeconfig, --cluster, --user, --server, --token, --as, --request-timeout and the others.

Only annotations and GitSync.spec.suspend are ever written. Colours are for terminals; NO_COLOR turns them off.

\b
Exit codes: 0 done or yes, 1 no or an error, 2 wrong usage (status, diff, drift: or the cluster cannot be asked),
3 unknown (drift), 124 time ran out, 130 Ctrl-C.""",
)
@click.version_option(__version__, prog_name="kubectl sagemaker")
def sagemaker() -> None:
    """See what became of Git's wishes in SageMaker, and step in when it matters."""


for _command in COMMANDS:
    sagemaker.add_command(_command)


def main() -> NoReturn:
    sys.exit(terminal.run(sagemaker, "kubectl sagemaker"))
