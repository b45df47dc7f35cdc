from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.dev.kit import dev


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "it's here"  # a quote and a space: whoever writes a shell file must mind them
    yield path
    dev("down", "--dir", str(path))
