"""The IAM policy that is shipped: what the reconciler needs in an account, and no more (`deploy/iam/policy.json`)."""

import json
from pathlib import Path
from typing import Any

import reconciler
from reconciler.dev.errors import DevError


def shipped() -> Path:
    """`reconciler/iam` in a wheel, `deploy/iam` beside the package in a checkout."""
    package = Path(reconciler.__file__).parent
    packaged = package / "iam" / "policy.json"
    return packaged if packaged.is_file() else package.parent / "deploy" / "iam" / "policy.json"


def read(file: Path) -> dict[str, Any]:
    """A document of JSON. Raises DevError for what is none."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise DevError(f"{file}: {problem}") from None
    if not isinstance(found, dict):
        raise DevError(f"{file}: not a JSON object")
    return found
