"""`--watch`: the same view again with every change, redrawn in place on a terminal, a line per change elsewhere.

The view is kept by informers, which list and watch, resume after a lost connection and list again after a long one; so what
is shown is never what merely went unnoticed. While the server is away, the view stays and says so.
"""

from __future__ import annotations

import json
import logging
import queue
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TextIO

from reconciler.adapters.kube.cache import KubeCache
from reconciler.core.conditions import stamp
from reconciler.core.resource import Key, Resource
from reconciler.plugins import terminal
from reconciler.plugins.sagemaker.cluster import Cluster
from reconciler.plugins.sagemaker.health import look
from reconciler.plugins.sagemaker.kinds import KnownKind, shown
from reconciler.plugins.sagemaker.paint import plain
from reconciler.plugins.sagemaker.session import clock
from reconciler.plugins.sagemaker.tree import record

_TICK_S = 1.0
"""Between two redraws while nothing changes: what is shown of time moves."""
_SETTLE_S = 0.05
"""Changes that come together are drawn together."""
_SYNC_WITHIN_S = 10.0
NOT_INSTALLED = "not installed"
"""The informers' words for a kind whose definition is missing: no trouble, an older release had fewer."""

Change = tuple[Key, Resource | None]


class ObjectWatch:
    """What is in the cluster of some kinds, and a queue of what changes."""

    def __init__(self, cluster: Cluster, kinds: Sequence[KnownKind], namespaces: Sequence[str] | None = None) -> None:
        self._kinds = kinds
        self._cache: KubeCache = cluster.cache(kinds, namespaces)
        self.changes: queue.SimpleQueue[Change] = queue.SimpleQueue()
        self._cache.subscribe(lambda key, _, new: self.changes.put((key, new)))

    def resources(self) -> list[Resource]:
        return [one for kind in self._kinds for one in self._cache.items(kind.kind)]

    def problems(self) -> list[str]:
        return self._cache.problems()

    def troubles(self) -> list[str]:
        """Problems that people can do something about, or will see pass."""
        return [problem for problem in self.problems() if NOT_INSTALLED not in problem]

    def settled(self) -> bool:
        """Whether what is not here is not there: every kind was listed, or is not installed."""
        absent = [problem for problem in self.problems() if NOT_INSTALLED in problem]
        return all(
            self._cache.synced(one.kind)
            or any(problem.startswith((f"{one.kind}:", f"{one.kind} ")) for problem in absent)
            for one in self._kinds
        )

    def settle(self) -> None:
        """Wait for the first lists, but not for ever."""
        deadline = time.monotonic() + _SYNC_WITHIN_S
        while not self.settled() and time.monotonic() < deadline:
            time.sleep(_SETTLE_S)

    def next(self, timeout_s: float) -> Change | None:
        try:
            return self.changes.get(timeout=timeout_s)
        except queue.Empty:
            return None

    @contextmanager
    def running(self) -> Iterator[ObjectWatch]:
        # The informers log what they meet; here it is shown where it belongs.
        log = logging.getLogger("reconciler")
        log.addHandler(logging.NullHandler())
        log.propagate = False
        self._cache.start()
        try:
            yield self
        finally:
            self._cache.stop(timeout_s=0.2)


class Screen:
    """A block of lines at the bottom of a terminal, replaced by the next one."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._drawn = 0

    def draw(self, lines: Sequence[str]) -> None:
        size = shutil.get_terminal_size()
        height = max(2, size.lines)
        lines = [part for line in lines for part in wrapped(line, max(20, size.columns))]
        shown = list(lines[: height - 1])
        if len(lines) > len(shown):
            shown[-1] = (
                f"... and {len(lines) - len(shown) + 1} more lines below; a larger window, --failed or a name shows them"
            )
        up = f"\x1b[{self._drawn}F" if self._drawn else ""
        # Each line clears its own rest: clearing the block first would flicker.
        self._stream.write(up + "".join(f"{line}\x1b[K\n" for line in shown) + "\x1b[J")
        self._stream.flush()
        self._drawn = len(shown)

    @contextmanager
    def unwrapped(self) -> Iterator[Screen]:
        """No wrapping meanwhile, or a long line would be two and the next redraw would miss it."""
        self._stream.write("\x1b[?7l\x1b[?25l")
        try:
            yield self
        finally:
            self._stream.write("\x1b[?7h\x1b[?25h")
            self._stream.flush()


_STYLE = re.compile(r"\x1b\[[0-9;]*m")


def wrapped(line: str, width: int) -> list[str]:
    """A line in pieces of at most so many columns, the later ones indented below the tree's own strokes. Styles take no room."""
    if len(_STYLE.sub("", line)) <= width:
        return [line]
    begin = re.match(r"[|│ ]*", _STYLE.sub("", line))
    indent = (begin[0] if begin else "") + "    "
    pieces, current, columns = [], "", 0
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        if _STYLE.fullmatch(part):
            current += part
            continue
        for char in part:
            if columns == width:
                pieces.append(current)
                current, columns = indent, len(indent)
            current += char
            columns += 1
    return [*pieces, current]


def redraw(view: ObjectWatch, render: Callable[[Iterable[Resource], datetime], list[str]]) -> None:
    """Until Ctrl-C."""
    with view.running(), Screen(sys.stdout).unwrapped() as screen:
        view.settle()
        while True:
            lines = render(view.resources(), clock())
            screen.draw([*lines, *(f"! {plain(problem)}" for problem in view.troubles()[:1])])
            if view.next(_TICK_S) is not None:
                time.sleep(_SETTLE_S)
                while not view.changes.empty():
                    view.changes.get()


def lines(view: ObjectWatch, wanted: Callable[[Resource], bool], *, as_json: bool) -> None:
    """A line for each object as it is, then one for each change that people would see. Until Ctrl-C."""
    printed: dict[Key, str] = {}
    trouble: list[str] = []
    with view.running():
        while True:
            change = view.next(_TICK_S)
            problems = view.troubles()
            if problems != trouble:
                terminal.note(f"! {plain(problems[0])}" if problems else "! watching again")
                trouble = problems
            if change is None:
                continue
            key, resource = change
            if resource is None:
                if printed.pop(key, None) is not None:
                    _say(json.dumps({**key._asdict(), "deleted": True}) if as_json else _line(key, "deleted"))
                continue
            text = json.dumps(record(resource), ensure_ascii=False) if as_json else summary(resource)
            if wanted(resource) and printed.get(key) != text:
                printed[key] = text
                _say(text if as_json else _line(key, text))


def summary(resource: Resource) -> str:
    seen = look(resource)
    first = next((" ".join(filter(None, (one.name, one.status, one.detail))) for one in shown(resource)), "")
    message = seen.message if seen.health in ("bad", "unknown") else ""
    return "   ".join(plain(part) for part in (seen.health.upper(), seen.reason, first, message) if part)


def _line(key: Key, text: str) -> str:
    return f"{stamp(clock())}   {key.kind}/{key.name}   {text}"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
