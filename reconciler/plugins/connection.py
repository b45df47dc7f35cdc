"""The connection flags that every kubectl command has, as click options and as one value.

Loads nothing but click, so that `--help` and completion answer at once; `kubeconfig` makes a connection of the value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, TypeVar

import click

from reconciler.plugins.times import parse_duration

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class ConnectionFlags:
    """What was said on the command line; empty means "as the kubeconfig says"."""

    kubeconfig: str = ""
    context: str = ""
    namespace: str = ""
    cluster: str = ""
    user: str = ""
    server: str = ""
    token: str = ""
    as_user: str = ""
    as_uid: str = ""
    as_groups: tuple[str, ...] = ()
    certificate_authority: str = ""
    client_certificate: str = ""
    client_key: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    request_timeout: timedelta | None = None

    @classmethod
    def taken_from(cls, parameters: dict[str, Any]) -> ConnectionFlags:
        """Take the connection's parameters out of a command's; the rest stays."""
        return cls(**{field.name: parameters.pop(field.name) for field in fields(cls)})


class GoCommand(click.Command):
    """Takes a switch's value as every command of Go does: `--follow=true`, `-f=false`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        switches = {name for one in self.params if isinstance(one, click.Option) and one.is_flag for name in one.opts}
        plain: list[str] = []
        for place, argument in enumerate(args):
            name, equals, value = argument.partition("=")
            if argument == "--":
                plain += args[place:]
                break
            if not equals or name not in switches:
                plain.append(argument)
            elif click.BOOL.convert(value, None, ctx):
                plain.append(name)
        return super().parse_args(ctx, plain)


class Duration(click.ParamType[timedelta]):
    """Go's durations, as everywhere in kubectl; a number alone means seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            return timedelta(seconds=float(value)) if str(value).isdecimal() else parse_duration(str(value))
        except (ValueError, OverflowError) as error:
            self.fail(str(error), param, ctx)


_OPTIONS = (
    click.option("--kubeconfig", default="", metavar="FILE", help="Default: $KUBECONFIG, then ~/.kube/config."),
    click.option("--context", default="", help="The kubeconfig's context to use."),
    click.option("-n", "--namespace", default="", help="Default: the context's own, then `default`."),
    click.option("--cluster", default="", help="The kubeconfig's cluster to use."),
    click.option("--user", default="", help="The kubeconfig's user to use."),
    click.option("-s", "--server", default="", metavar="URL", help="Address of the Kubernetes API server."),
    click.option("--token", default="", help="Bearer token for the API server."),
    click.option("--as", "as_user", default="", metavar="USER", help="User to impersonate."),
    click.option("--as-group", "as_groups", multiple=True, metavar="GROUP", help="Group to impersonate; repeatable."),
    click.option("--as-uid", default="", metavar="UID", help="UID to impersonate."),
    click.option("--certificate-authority", default="", metavar="FILE", help="Certificate authority of the server."),
    click.option("--client-certificate", default="", metavar="FILE", help="Client certificate for TLS."),
    click.option("--client-key", default="", metavar="FILE", help="Client key for TLS."),
    click.option("--insecure-skip-tls-verify", is_flag=True, help="Do not check the server's certificate. Insecure."),
    click.option("--tls-server-name", default="", metavar="NAME", help="Name expected in the server's certificate."),
    click.option("--request-timeout", type=Duration(), metavar="DURATION", help="Limit of one request, as 5s or 1m."),
)


def connection_options(command: F) -> F:
    """Add the flags; the command's parameters then hold every field of `ConnectionFlags`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
