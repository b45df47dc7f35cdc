import io

import pytest

from reconciler.dev.progress import Progress, elapsed


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0s"), (9.94, "9.9s"), (59.9, "59s"), (60, "1m00s"), (3605, "60m05s")]
)
def test_elapsed(seconds: float, text: str) -> None:
    assert elapsed(seconds) == text


def test_a_log_gets_a_line_now_and_then() -> None:
    stream = io.StringIO()
    progress = Progress(stream, every_s=0)
    progress.begin()
    progress.update("1 packages")
    progress.done("Built")
    assert [line.split(" ")[0] for line in stream.getvalue().splitlines()] == ["1", "Built"]
    assert "\x1b" not in stream.getvalue()


def test_a_log_is_not_flooded() -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    progress.begin()
    for count in range(1000):
        progress.update(f"{count} packages")
    assert stream.getvalue() == ""


def test_a_terminal_has_one_changing_line() -> None:
    stream = Terminal()
    progress = Progress(stream)
    progress.begin()
    progress.update("1 packages")
    progress.say("Built")
    assert stream.getvalue() == "\r\x1b[2K1 packages, 0.0s\r\x1b[2KBuilt\n"
