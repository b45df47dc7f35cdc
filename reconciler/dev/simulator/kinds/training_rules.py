"""Rules of Debugger and of the profiler: what is asked for, and what became of each rule's evaluation (SM-180).

A rule is evaluated by a processing job of the service's own, which is not shown here; it ends some time after the training job.
"""

from reconciler.dev.simulator.kinds.fields import with_defaults
from reconciler.dev.simulator.store import Answer, SimulatedResource

_GROUPS = (
    ("DebugRuleConfigurations", "DebugRuleEvaluationStatuses"),
    ("ProfilerRuleConfigurations", "ProfilerRuleEvaluationStatuses"),
)
_CUT_SHORT = {"Failed": "Stopped", "Stopped": "Stopped", "Stopping": "Stopping"}


def of_profiler(job: SimulatedResource) -> list[Answer]:
    """As asked for at creation, or by the last UpdateTrainingJob."""
    given = job.state.updates.get("ProfilerRuleConfigurations", job.request.get("ProfilerRuleConfigurations"))
    return [with_defaults(rule, {"VolumeSizeInGB": 0}) for rule in given or []]


def evaluations(job: SimulatedResource) -> Answer:
    """The lists of statuses, for the groups that have rules."""
    asked = {"ProfilerRuleConfigurations": of_profiler(job)}
    shown = {}
    for group, statuses in _GROUPS:
        if rules := asked.get(group, job.request.get(group)):
            shown[statuses] = [_evaluation(job, rule["RuleConfigurationName"]) for rule in rules]
    return shown


def _evaluation(job: SimulatedResource, rule: str) -> Answer:
    ended: str = job.state.plan.get("rules", {}).get(rule, "NoIssuesFound") if job.state.rules_over else "InProgress"
    return {
        "RuleConfigurationName": rule,
        "RuleEvaluationJobArn": job.scope.arn("processing-job", f"{job.name[:26]}-{rule[:26]}-00000000"),
        "RuleEvaluationStatus": _CUT_SHORT.get(job.status, ended),
        "LastModifiedTime": job.modified,
    }
