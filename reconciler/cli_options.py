"""Where the values of options come from: numbers within bounds, a file of defaults, and errors that name the source.

Knows click and nothing of what any option means. Called by `cli_run.py`.
"""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

_LINES = f"{__name__}.lines"


class Whole(click.IntRange):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text: Any = str(value)  # a file's `true` is no 1
        try:
            return int(super().convert(text, param, ctx))
        except click.BadParameter:
            self.fail(f"{text!r} is not a whole number from {self.min} to {self.max}", param, ctx)


class Seconds(click.FloatRange):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text: Any = str(value)
        try:
            number = float(super().convert(text, param, ctx))
        except click.BadParameter:
            number = math.nan
        if math.isnan(number):  # lies within every range of click's
            self.fail(f"{text!r} is not a number of seconds from {self.min:g} to {self.max:g}", param, ctx)
        return number


class Setting(click.Option):
    """An option whose errors name the variable, or the line of the file, that a wrong value comes from."""

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        try:
            return super().process_value(ctx, value)
        except click.MissingParameter:
            raise
        except click.BadParameter as error:
            if source := self._source(ctx):
                error.param_hint = source
            raise

    def _source(self, ctx: click.Context) -> str | None:
        match ctx.get_parameter_source(str(self.name)):
            case ParameterSource.ENVIRONMENT:
                own = [self.envvar] if isinstance(self.envvar, str) else list(self.envvar or ())
                names = [*own, f"{ctx.auto_envvar_prefix}_{str(self.name).upper()}"]
                return next((name for name in names if os.environ.get(name)), None)
            case ParameterSource.DEFAULT_MAP:
                place: str = ctx.meta[_LINES][self.name]
                return f"{place}: {flag(self)}"
        return None


def flag(option: click.Parameter) -> str:
    """The long name, without its dashes."""
    return next(name for name in option.opts if name.startswith("--")).removeprefix("--")


def defaults(context: click.Context, _parameter: click.Parameter, path: Path | None) -> None:
    """Callback of an eager `--config`: what the file says stands behind flags and variables and before our defaults."""
    if path is None:
        return
    from reconciler.core.manifests.yaml_lines import YamlError, documents  # noqa: PLC0415 - `--help` need not wait for it
    from reconciler.core.pointers import child  # noqa: PLC0415

    try:
        found = list(documents(path.read_bytes()))
    except YamlError as error:
        raise click.BadParameter(f"{path}:{error.line}: {error.message}") from None
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}") from None
    if not found:
        return
    if len(found) > 1 or not isinstance(found[0].value, Mapping):
        raise click.BadParameter(f"{path}: one mapping of flags to values is expected, such as cluster-name: prod-eu")
    known = {flag(option): option for option in context.command.params if isinstance(option, Setting)}
    lines, values = {}, {}
    for key, value in found[0].value.items():
        place = f"{path}:{found[0].line_of(child('', str(key)))}"
        if key not in known:
            near = difflib.get_close_matches(str(key).lower().replace("_", "-"), known, n=1, cutoff=0.5)
            meant = f"; did you mean {near[0]}?" if near else "; see `reconciler run --help`"
            raise click.BadParameter(f"{place}: {key} is no flag of `reconciler run`{meant}")
        name = str(known[key].name)
        lines[name], values[name] = place, _value(known[key], value, place)
    context.meta[_LINES] = lines
    context.default_map = {name: value for name, value in values.items() if value is not None}


def _value(option: Setting, value: Any, place: str) -> Any:
    many = value if isinstance(value, list) else [value]
    if isinstance(value, Mapping) or any(isinstance(one, (Mapping, list)) for one in many):
        raise click.BadParameter(f"{place}: {flag(option)} is a text, a number, true or false, or a list of them")
    if isinstance(value, list) and not option.multiple:
        raise click.BadParameter(f"{place}: {flag(option)} has one value, not a list")
    return many if option.multiple and value is not None else value
