import subprocess
from pathlib import Path

import pytest

from reconciler.dev import envfile


@pytest.mark.parametrize(
    ("value", "line"),
    [
        pytest.param("plain", "X=plain\n", id="plain values stay plain"),
        pytest.param("*=http://127.0.0.1:1", "X=*=http://127.0.0.1:1\n", id="an assignment expands no pattern"),
        pytest.param("", "X=''\n", id="empty"),
        pytest.param("two words", "X='two words'\n", id="spaces are quoted"),
        pytest.param("$(id) `id` it's \"", None, id="nothing is run"),
    ],
)
def test_sh_reads_back_what_was_written(value: str, line: str | None) -> None:
    text = envfile.render({"X": value})
    assert line in (None, text)
    assert envfile.parse(text) == {"X": value}
    read = subprocess.run(["sh", "-c", f'{text}printf %s "$X"'], capture_output=True, text=True, check=True).stdout
    assert read == value


def test_every_endpoint_leads_to_the_simulator() -> None:
    values = envfile.variables(Path("/d/kubeconfig"), Path("/bin/kubectl"), "http://127.0.0.1:5")
    assert values["AWS_ENDPOINT_URL"] == "http://127.0.0.1:5"
    assert values["RECONCILER_SAGEMAKER_ENDPOINTS"] == "*=http://127.0.0.1:5"
