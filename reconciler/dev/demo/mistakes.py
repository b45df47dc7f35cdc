"""Scenes of what people get wrong, in Git and in the cluster."""

from __future__ import annotations

import json

from reconciler.dev.demo import manifests
from reconciler.dev.demo.looks import Found, ready
from reconciler.dev.demo.stage import Stage

_BIG = "ml.p4d.24xlarge"


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


def put_back(stage: Stage) -> None:
    stage.tell("Someone edits the endpoint in the cluster. Git never held that: it is put back before it is acted on.")
    mark = stage.mark()
    variants = stage.get("hostingdeployment", "churn")["spec"]["productionVariants"]
    wish = {"spec": {"productionVariants": [{**variants[0], "instanceType": _BIG}]}}
    stage.show("patch", "hostingdeployment", "churn", "--type=merge", "-p", json.dumps(wish))

    def restored(found: Found) -> bool:
        return bool(found["spec"]["productionVariants"] == variants) and ready(found)

    stage.until("the instance type is what Git says", "hostingdeployment", "churn", restored)
    stage.show(
        "get",
        "gitsync",
        "models",
        "-o",
        'jsonpath={range .status.conditions[?(@.type=="Drifted")]}{.message}{"\\n"}{end}',
    )
    asked = stage.asked(mark)
    stage.check("SageMaker was asked for nothing", holds=not asked, found=asked)
