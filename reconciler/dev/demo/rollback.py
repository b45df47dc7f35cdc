"""Scenes of a bad revision: rolled back by its alarm, quarantined, recorded on its commit, reverted."""

from __future__ import annotations

from reconciler.dev.demo import manifests
from reconciler.dev.demo.basics import SERVE
from reconciler.dev.demo.looks import baking_canary, quarantined, ready_at
from reconciler.dev.demo.stage import CLUSTER, Stage

_NOTES = f"refs/notes/sagemaker-gitops/{CLUSTER}"
_STAGES = "NAME:.metadata.name,STATUS:.status.endpointStatus,ROLLOUT:.status.rollout.stage"


def by_alarm(stage: Stage) -> None:
    stage.tell(
        "The model of January goes out with care: one instance in four first, for an hour, and back again by itself "
        "if the alarm goes off meanwhile."
    )
    stage.aws(
        "cloudwatch", "put_metric_alarm", AlarmName=manifests.ALARM, MetricName="Invocation5XXErrors",
        EvaluationPeriods=1, Threshold=5, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    text = manifests.HOSTING.format(artefact=manifests.JANUARY) + manifests.GUARD
    stage.push("Serve churn of January", {SERVE: text}, diff=True)
    stage.until(
        "the canary takes its share of the traffic", "hostingdeployment", "churn", baking_canary, columns=_STAGES
    )
    stage.tell("(SageMaker's clock runs faster here, so its times are ahead of yours.)")
    stage.show("sagemaker", "status", "churn", codes=(0, 1))
    stage.tell("The new model answers with errors, and the alarm goes off:")
    stage.aws(
        "cloudwatch", "set_alarm_state", AlarmName=manifests.ALARM, StateValue="ALARM", StateReason="9 errors a minute"
    )
    stage.until("SageMaker rolled it back", "hostingdeployment", "churn", quarantined)
    # Whatever comes next is not the alarm's doing.
    stage.aws("cloudwatch", "set_alarm_state", AlarmName=manifests.ALARM, StateValue="OK", StateReason="no errors")


def remembered(stage: Stage) -> None:
    stage.tell(
        "SageMaker says InService, and the old model serves; the operators of old would now send the bad one again, for "
        "ever. Here its content is in quarantine: no time, restart or other commit sends it again, only other content or a "
        "person who says so."
    )
    reason = '{range .status.conditions[*]}{.type}={.status} {.reason}{"\\n"}{end}'
    stage.show("get", "hostingdeployment", "churn", "-o", f"jsonpath={reason}")
    stage.show("sagemaker", "history", "churn")
    stage.tell("What became of a commit is written on it as a git note, for those who have no kubectl:")
    fetch = ("fetch", "--quiet", "origin", f"+{_NOTES}:{_NOTES}")

    def noted() -> str | None:
        listed = stage.git("ls-remote", "origin", _NOTES)
        if listed:
            stage.git(*fetch)
        text = stage.git("log", "-1", f"--notes={_NOTES}", "--format=%N")
        return text if "RolloutRolledBack" in text else None

    stage.wait("the note is on the commit", noted, within_s=30)
    stage.show_git(*fetch)
    stage.show_git("log", "-1", f"--notes={_NOTES}")
    stage.tell("The same for readers:")
    stage.show("sagemaker", "trace", "HEAD", "--repo", stage.work.name)


def reverted(stage: Stage) -> None:
    stage.tell("A rollback in Git is a change like every other: a commit.")
    mark = stage.mark()
    stage.show_git("revert", "--no-edit", "HEAD")
    commit = stage.pushed()
    stage.until("ready again, at the commit of the revert", "hostingdeployment", "churn", ready_at(commit))
    asked = stage.asked(mark)
    stage.check("SageMaker was asked for nothing: that content serves already", holds=not asked, found=asked)
    stage.show("sagemaker", "status")
    sent = stage.asked().count("UpdateEndpoint")
    stage.check("the bad content was sent once in all", holds=sent == 2, found=f"{sent} UpdateEndpoints")
