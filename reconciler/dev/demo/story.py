"""The story that the demo tells: scenes, in order.

A scene is a function of the `Stage` in the module of its theme. It says why (`stage.tell`), does something that people would do
(`stage.push`, `stage.kubectl`, `stage.aws`), waits for what comes of it (`stage.until`), and checks what SageMaker was asked for
(`stage.asked`). It returns when all was seen and raises `NotSeenError` when it was not. To add one: write it and give it a
line below.
"""

from __future__ import annotations

from collections.abc import Callable

from reconciler.dev.demo import basics, drift, mistakes, rollback
from reconciler.dev.demo.stage import Stage

Scene = Callable[[Stage], None]

STORY: tuple[tuple[str, Scene], ...] = (
    ("Install", basics.install),
    ("A push trains", basics.train),
    ("A push deploys", basics.deploy),
    ("A push updates", basics.update),
    ("A mistake is refused, the rest goes on", mistakes.refused),
    ("A bad revision is rolled back by its alarm", rollback.by_alarm),
    ("It is quarantined, and its commit says so", rollback.remembered),
    ("git revert puts things right", rollback.reverted),
    ("An edit in the cluster is reverted", drift.edited),
    ("An endpoint that was moved in the console is moved back", drift.moved),
    ("A model that was deleted in the console is recreated", drift.deleted),
    ("A weight that was changed in the console is reported", drift.weighed),
    ("git rm deletes", basics.remove),
)
