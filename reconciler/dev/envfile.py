"""The file of variables that lets a shell, the service and kubectl reach an environment."""

import shlex
from collections.abc import Mapping
from pathlib import Path

REGION = "us-east-1"
CLUSTER_NAME = "dev"


def variables(kubeconfig: Path, kubectl: Path, simulator: str) -> dict[str, str]:
    """Everything a client of the environment needs; the keys and their order are a contract with scripts."""
    return {
        "KUBECONFIG": str(kubeconfig),
        "AWS_ENDPOINT_URL": simulator,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "KUBECTL": str(kubectl),
        "RECONCILER_CLUSTER_NAME": CLUSTER_NAME,
        "RECONCILER_ALLOW_FILE_REMOTES": "true",
        # Whatever endpoint a manifest names is the simulator.
        "RECONCILER_SAGEMAKER_ENDPOINTS": f"*={simulator}",
    }


def render(values: Mapping[str, str]) -> str:
    """KEY=value lines that sh reads; quoted only where sh would read something else."""
    return "".join(f"{name}={_quote(value)}\n" for name, value in values.items())


def parse(text: str) -> dict[str, str]:
    lines = (line.partition("=") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: "".join(shlex.split(value)) for name, _, value in lines}


def _quote(value: str) -> str:
    # An assignment expands no patterns, so a `*` stands plain: readers that are no shell keep quotes as they are.
    return value if shlex.quote(value.replace("*", "x")) == value.replace("*", "x") else shlex.quote(value)
