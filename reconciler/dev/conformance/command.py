"""`reconciler dev conformance`: which account, the confirmation, the exit code."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import boto3
import click
from botocore.exceptions import BotoCoreError, ClientError

from reconciler.dev.conformance import runner
from reconciler.dev.conformance.account import Account
from reconciler.dev.conformance.places import AwsPlace, SimulatorPlace
from reconciler.dev.errors import DevError

MOST_USD = 5.0
_SIMULATED = "123456789012"
_REGION = "us-east-1"
_REGISTRIES = {
    "us-east-1": "683313688378",
    "us-east-2": "257758044811",
    "us-west-1": "746614075791",
    "us-west-2": "246618743249",
    "eu-west-1": "141502667606",
    "eu-west-2": "764974769150",
    "eu-central-1": "492215442770",
    "ap-northeast-1": "354813040037",
    "ap-southeast-1": "121021644041",
    "ap-southeast-2": "783357654285",
    "ap-south-1": "720646828776",
    "cn-north-1": "450853457545",
    "cn-northwest-1": "451049120500",
}
"""Accounts that hold sagemaker-xgboost, by region, as the SageMaker Python SDK lists them."""


@dataclass(frozen=True)
class AskedChecks:
    """All empty: the simulator."""

    profile: str = ""
    region: str = ""
    role: str = ""
    bucket: str = ""
    image: str = ""


def examine(asked: AskedChecks, rows: Sequence[str], directory: Path, *, yes: bool) -> int:
    """Run the checks and say what they find; 0 when all rows hold, 1 when one differs."""
    try:
        checks = runner.chosen(rows)
    except ValueError as problem:
        raise DevError(str(problem)) from None
    simulated = asked == AskedChecks()
    with _simulator() if simulated else _account(asked) as account:
        click.echo(runner.forecast(account, checks))
        if runner.cost_usd(checks) > MOST_USD:
            raise DevError(f"that could cost more than {MOST_USD:.2f} USD")
        if not (simulated or yes):
            click.confirm("Go on?", abort=True)
        outcomes = runner.run(account, checks, directory, click.echo)
    differing = [outcome for outcome in outcomes if outcome.differs]
    click.echo(f"{len(outcomes) - len(differing)} of {len(outcomes)} hold; the transcripts are in {directory}")
    return 1 if differing else 0


@contextlib.contextmanager
def _simulator() -> Iterator[Account]:
    from reconciler.dev.simulator import Simulator  # noqa: PLC0415 # seconds of imports that an account does not need

    simulator = Simulator()
    simulator.start()
    try:
        place = SimulatorPlace(simulator.url, _REGION)
        place.send("s3", "CreateBucket", {"Bucket": "conformance"})
        role = f"arn:aws:iam::{_SIMULATED}:role/sagemaker"
        yield Account(place, _SIMULATED, _REGION, role, "conformance", _image(_REGION), _prefix())
    finally:
        simulator.stop()


@contextlib.contextmanager
def _account(asked: AskedChecks) -> Iterator[Account]:
    if not (asked.region and asked.role and asked.bucket):
        raise DevError("an account needs --region, --role and --bucket")
    image = asked.image or _image(asked.region)
    if not image:
        raise DevError(f"name sagemaker-xgboost's image of {asked.region} with --image")
    try:
        place = AwsPlace(boto3.Session(profile_name=asked.profile or None), asked.region)
        number = str(place.send("sts", "GetCallerIdentity", {})["Account"])
    except (BotoCoreError, ClientError) as problem:
        raise DevError(str(problem)) from None
    yield Account(place, number, asked.region, asked.role, asked.bucket, image, _prefix())


def _image(region: str) -> str:
    registry = _REGISTRIES.get(region)
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"{registry}.dkr.ecr.{region}.{suffix}/sagemaker-xgboost:1.7-1" if registry else ""


def _prefix() -> str:
    """So short that names of tuning jobs have room."""
    return f"conf-{secrets.token_hex(4)}"
