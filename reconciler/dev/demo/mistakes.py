"""Scenes of what people get wrong in Git."""

from __future__ import annotations

from reconciler.dev.demo import manifests
from reconciler.dev.demo.looks import ready
from reconciler.dev.demo.stage import Stage


def refused(stage: Stage) -> None:
    stage.tell("A file with a mistake is refused with its line; everything else goes on, and nothing is deleted.")
    stage.push("Add a broken job", {"prod/broken.yaml": manifests.BROKEN})
    stage.until(
        "the sync names what is wrong",
        "gitsync",
        "models",
        lambda found: bool(found.get("status", {}).get("rejected")),
    )
    stage.show(
        "get", "gitsync", "models", "-o",
        'jsonpath={range .status.rejected[*]}{.path}:{.line}: {.message}{"\\n"}{end}',
    )  # fmt: skip
    stage.tell("The same is said before a push by `reconciler validate`, offline.")
    stage.push("Take the broken job out", {"prod/broken.yaml": None})
    stage.until(
        "the sync is whole again",
        "gitsync",
        "models",
        lambda found: ready(found) and not found["status"].get("rejected"),
    )
