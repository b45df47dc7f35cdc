"""The account that is examined, as the checks see it: calls by operation, refusals as values, waiting by asking."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

Answer = dict[str, Any]
"""Of JSON's types: times are ISO 8601 strings, here as in a transcript."""

_LONGEST_S = 3600


class ServiceRefusal(Exception):  # noqa: N818 -- an answer like another
    """An error answer of the service."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status


class NotAsBelievedError(AssertionError):
    """A row does not hold here."""


class AccountPlace(Protocol):
    """Where the calls go: an account, the simulator, or a transcript."""

    def send(self, service: str, operation: str, params: Mapping[str, Any]) -> Answer:
        """Raises ServiceRefusal."""

    def pause(self, seconds: float) -> None:
        """Let so much of the account's time go by."""

    def missing(self, *globs: str) -> None:
        """From now on nothing of these names exists; in an account that is so, as nobody has made it."""


@dataclass
class Account:
    place: AccountPlace
    id: str
    region: str
    role: str
    """Its ARN: SageMaker may assume it, and it may read and write the bucket."""
    bucket: str
    image: str
    """That trains and serves: SageMaker's own of XGBoost."""
    prefix: str
    """Begins every name, so that whatever is left behind is found."""
    learned: list[str] = field(default_factory=list)
    """What a check learned that no row claims."""
    kept: dict[str, str] = field(default_factory=dict)
    """What one check made and later ones use."""

    def call(self, operation: str, service: str = "sagemaker", /, **params: Any) -> Answer:
        return self.place.send(service, operation, params)

    def refused(self, operation: str, service: str = "sagemaker", /, **params: Any) -> ServiceRefusal:
        """The refusal; that there is one is believed."""
        try:
            answer = self.place.send(service, operation, params)
        except ServiceRefusal as refusal:
            return refusal
        raise NotAsBelievedError(f"{operation} was taken and answered {answer}")

    def expect(
        self, operation: str, code: str, *texts: str, service: str = "sagemaker", **params: Any
    ) -> ServiceRefusal:
        """A refusal with this code and each of these texts in its message."""
        refusal = self.refused(operation, service, **params)
        believe(refusal.code == code, f"{operation}: the code is {refusal.code}, not {code} ({refusal.message})")
        for text in texts:
            believe(text in refusal.message, f"{operation}: {text!r} is not in {refusal.message!r}")
        return refusal

    def wait(
        self,
        look: Callable[[], Answer],
        until: Callable[[Answer], bool],
        every_s: float = 15,
        within_s: float = _LONGEST_S,
    ) -> Answer:
        """Ask until it is so; what was seen last when it never was."""
        waited = 0.0
        while True:
            seen = look()
            if until(seen):
                return seen
            believe(waited < within_s, f"not within {within_s:.0f} s: {seen}")
            self.place.pause(every_s)
            waited += every_s

    def name(self, suffix: str) -> str:
        return f"{self.prefix}-{suffix}"

    def arn(self, kind: str, name: str) -> str:
        return f"arn:{self.partition}:sagemaker:{self.region}:{self.id}:{kind}/{name.lower()}"

    @property
    def partition(self) -> str:
        return self.role.split(":")[1]

    def s3(self, key: str) -> str:
        return f"s3://{self.bucket}/{self.prefix}/{key}"

    def learn(self, text: str) -> None:
        self.learned.append(text)


def believe(holds: object, otherwise: str) -> None:
    if not holds:
        raise NotAsBelievedError(otherwise)


def same(found: object, believed: object, what: str) -> None:
    believe(found == believed, f"{what} is {found!r}, not {believed!r}")
