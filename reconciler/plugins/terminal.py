"""How a plugin ends: what is printed where, and the exit code.

0 done, 1 an error whose text names the way out, 2 wrong usage, 130 Ctrl-C. A reader that went away (`| head`) is no error:
it has what it wanted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from reconciler.core.errors import ReconcileError

INTERRUPTED = 130


def run(command: click.Command, name: str, arguments: Sequence[str] | None = None) -> int:
    """Run a command and answer its exit code."""
    try:
        try:
            # Not `command.main`: that has its own mind about Ctrl-C and closed pipes.
            with command.make_context(name, list(sys.argv[1:] if arguments is None else arguments)) as context:
                command.invoke(context)
            sys.stdout.flush()
        except click.exceptions.Exit as ended:
            return ended.exit_code
        except click.ClickException as error:
            error.show()
            return error.exit_code
        except ReconcileError as error:
            click.echo(f"error: {error}", err=True)
            return 1
    except (KeyboardInterrupt, click.Abort):  # the latter out of a question that was put to a person
        return INTERRUPTED
    except BrokenPipeError:
        _drop_output()
    except OSError as error:
        note(f"error: {error}")
        _drop_output()
        return 1
    return 0


def note(text: str) -> None:
    """A line for the person, beside the output proper."""
    click.echo(text, err=True)


def _drop_output() -> None:
    """What is still buffered goes nowhere, or the interpreter would complain about it on its way out."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
