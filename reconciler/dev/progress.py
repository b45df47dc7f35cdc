"""Progress of long work on a person's screen: one changing line on a terminal, a line now and then elsewhere."""

import sys
import time
from typing import TextIO

_EVERY_S = 15.0
_REDRAW_S = 0.2


class Progress:
    """Tells how far something is, on stderr, so that stdout stays for results."""

    def __init__(self, stream: TextIO | None = None, every_s: float = _EVERY_S) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._terminal = self._stream.isatty()
        self._every_s = _REDRAW_S if self._terminal else every_s
        self._last = float("-inf")
        self._drawn = False
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """A line that stays."""
        self._clear()
        print(text, file=self._stream, flush=True)

    def begin(self) -> None:
        """Elapsed time counts from here; the first update without a terminal comes after the first pause."""
        self._began = time.monotonic()
        self._last = self._began if not self._terminal else float("-inf")

    def update(self, text: str) -> None:
        """The present state; most calls print nothing."""
        now = time.monotonic()
        if now - self._last < self._every_s:
            return
        self._last = now
        line = f"{text}, {elapsed(now - self._began)}"
        if self._terminal:
            self._stream.write(f"\r\x1b[2K{line}")
            self._stream.flush()
            self._drawn = True
        else:
            print(line, file=self._stream, flush=True)

    def done(self, text: str) -> None:
        self.say(f"{text} in {elapsed(time.monotonic() - self._began)}")

    def _clear(self) -> None:
        if self._drawn:
            self._stream.write("\r\x1b[2K")
            self._drawn = False


def elapsed(seconds: float) -> str:
    """Like `3m07s`; tenths below ten seconds."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"
