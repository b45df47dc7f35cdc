"""Takes away what a run has made, newest first, whatever state it is in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from reconciler.dev.conformance.account import Account, Answer, NotAsBelievedError, ServiceRefusal
from reconciler.dev.conformance.recording import Made

_RUNNING = ("InProgress", "Stopping")
_BUSY = ("Creating", "Updating", "RollingBack", "SystemUpdating")
_JOBS = {"TrainingJob", "ProcessingJob", "TransformJob", "HyperParameterTuningJob"}
_GONE = ("ResourceNotFound", "ObjectNotFoundException", "NoSuchKey")


def clean(account: Account, made: Sequence[Made]) -> Iterator[str]:
    """What could not be taken away, a line each."""
    for each in reversed(made):
        try:
            _remove(account, each)
        except ServiceRefusal as refusal:
            if not _says_gone(refusal):
                yield f"{each.operation} {_name(each)}: {refusal}"
        except NotAsBelievedError as problem:
            yield f"{each.operation} {_name(each)}: {problem}"
    if any(each.operation == "PutObject" for each in made):
        yield from _empty(account)


def _empty(account: Account) -> Iterator[str]:
    """What jobs wrote into the bucket."""
    try:
        while rows := account.call("ListObjectsV2", "s3", Bucket=account.bucket, Prefix=f"{account.prefix}/").get(
            "Contents"
        ):
            keys = [{"Key": row["Key"]} for row in rows]
            account.call("DeleteObjects", "s3", Bucket=account.bucket, Delete={"Objects": keys})
    except ServiceRefusal as refusal:
        yield f"s3://{account.bucket}/{account.prefix}/: {refusal}"


def _remove(account: Account, made: Made) -> None:
    kind = made.operation.removeprefix("Create")
    if kind in _JOBS:
        _remove_job(account, kind, _name(made))
    elif kind == "Endpoint":
        _remove_endpoint(account, _name(made))
    elif kind in ("Model", "EndpointConfig"):
        account.call(f"Delete{kind}", **{f"{kind}Name": _name(made)})
    elif made.operation == "RegisterScalableTarget":
        names = ("ServiceNamespace", "ResourceId", "ScalableDimension")
        where = {name: made.params[name] for name in names}
        account.call("DeregisterScalableTarget", "application-autoscaling", **where)
    elif made.operation == "PutObject":
        account.call("DeleteObject", "s3", Bucket=made.params["Bucket"], Key=made.params["Key"])
    elif made.operation == "PutMetricAlarm":
        account.call("DeleteAlarms", "cloudwatch", AlarmNames=[made.params["AlarmName"]])


def _remove_job(account: Account, kind: str, name: str) -> None:
    """Stopped, and deleted where there is a Delete; the record of a transform job stays, and costs nothing."""
    look = _look(account, kind, name)
    if look()[f"{kind}Status"] == "InProgress":
        account.call(f"Stop{kind}", **{f"{kind}Name": name})
    account.wait(look, lambda job: job[f"{kind}Status"] not in _RUNNING)
    if kind == "HyperParameterTuningJob":
        _remove_children(account, name)
    if kind != "TransformJob":
        account.call(f"Delete{kind}", **{f"{kind}Name": name})


def _remove_children(account: Account, name: str) -> None:
    """Training jobs outlive the entry of their tuning job (SM-9)."""
    asked = {"HyperParameterTuningJobName": name}
    for row in account.call("ListTrainingJobsForHyperParameterTuningJob", **asked)["TrainingJobSummaries"]:
        account.call("DeleteTrainingJob", TrainingJobName=row["TrainingJobName"])


def _remove_endpoint(account: Account, name: str) -> None:
    look = _look(account, "Endpoint", name)
    account.wait(look, lambda found: found["EndpointStatus"] not in _BUSY)
    account.call("DeleteEndpoint", EndpointName=name)


def _look(account: Account, kind: str, name: str) -> Callable[[], Answer]:
    return lambda: account.call(f"Describe{kind}", **{f"{kind}Name": name})


def _name(made: Made) -> str:
    kind = made.operation.removeprefix("Create")
    params: Mapping[str, Any] = made.params
    return str(params.get(f"{kind}Name") or params.get("ResourceId") or params.get("Key") or params.get("AlarmName"))


def _says_gone(refusal: ServiceRefusal) -> bool:
    text = refusal.message.lower()
    return refusal.code in _GONE or "could not find" in text or "not found" in text
