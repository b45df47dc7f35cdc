from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.core.errors import CredentialsError, DeniedError, ThrottledError, TransientError
from reconciler.core.meters import UNMETERED
from reconciler.runtime.aws_contact import AwsContact
from tests.support.waiting import eventually

NO_CREDENTIALS = CredentialsError("Unable to locate credentials")


class Site:
    """AWS that answers as it is told, through the meter as the adapter tells it."""

    def __init__(self) -> None:
        self.contact = AwsContact(UNMETERED, first_pause_s=0.01)
        self.asked = 0
        self.answer: Exception | None = None

    def ask(self) -> None:
        self.asked += 1
        result = getattr(self.answer, "reason", "InternalError") if self.answer else "ok"
        self.contact.aws_called("sts", "GetCallerIdentity", result, 0.1)
        if self.answer:
            raise self.answer


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.contact.stop()


def test_not_ready_before_anybody_asked(site: Site) -> None:
    assert site.contact.problems() == ["AWS: STS was not asked yet"]


@pytest.mark.holds("D-22.3")
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(None, id="an identity"),
        pytest.param(DeniedError("AccessDenied: no"), id="a refusal is an answer"),
        pytest.param(ThrottledError("slow down"), id="so is a throttle"),
    ],
)
def test_one_answer_is_enough_and_the_asking_ends(site: Site, answer: Exception | None) -> None:
    site.answer = answer
    site.contact.start(site.ask)
    eventually(lambda: site.contact.problems() == [])
    assert site.contact._thread
    site.contact._thread.join(5)
    assert site.asked == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(NO_CREDENTIALS, "give the service a role", id="no credentials: the way out is told"),
        pytest.param(TransientError("EndpointConnectionError"), "EndpointConnectionError", id="nobody answers"),
        pytest.param(ValueError("secret"), "STS cannot be asked: ValueError", id="a bug is told without its text"),
    ],
)
def test_without_an_answer_it_asks_on_and_becomes_ready_when_one_comes(
    site: Site, answer: Exception, said: str
) -> None:
    site.answer = answer
    site.contact.start(site.ask)
    eventually(lambda: site.asked >= 2)
    (problem,) = site.contact.problems()
    assert said in problem
    site.answer = None
    eventually(lambda: site.contact.problems() == [])


@pytest.mark.parametrize(
    ("result", "ready"),
    [
        pytest.param("ok", True, id="any other call that was answered will do"),
        pytest.param("NotFound", True, id="whatever it was answered with"),
        pytest.param("ReplyLost", False, id="but not one without a reply"),
        pytest.param("CredentialsInvalid", False, id="nor one by nobody"),
    ],
)
def test_other_calls_count(site: Site, result: str, ready: bool) -> None:
    site.contact.aws_called("sagemaker", "ListEndpoints", result, 0.1)
    assert (site.contact.problems() == []) is ready
