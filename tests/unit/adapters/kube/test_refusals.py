from __future__ import annotations

import json
from typing import Any

import pytest

from reconciler.adapters.kube.refusals import ExpiredError, refusal
from reconciler.core.errors import (
    ConflictError,
    CredentialsError,
    DeniedError,
    NotFoundError,
    PreconditionError,
    ReconcileError,
    StaleError,
    TerminalError,
    ThrottledError,
    TransientError,
)

TYPED = "failed to create typed patch object (a/b; g/v1, Kind=Model): "


def status(reason: str = "", cause: str = "", message: str = "the server's words", field: str = "") -> bytes:
    causes = [{"reason": cause, "message": message, "field": field}] if cause else []
    return json.dumps({"kind": "Status", "reason": reason, "message": message, "details": {"causes": causes}}).encode()


@pytest.mark.parametrize(
    ("code", "body", "meaning"),
    [
        pytest.param(400, status("BadRequest"), TerminalError, id="a bad request stays bad"),
        pytest.param(422, status("Invalid", "FieldValueInvalid"), TerminalError, id="an invalid object"),
        pytest.param(413, b"", TerminalError, id="too large"),
        pytest.param(301, b"", TerminalError, id="a redirect is not followed"),
        pytest.param(500, status(message=TYPED + ".spec.x: field not declared in schema"), TerminalError, id="schema"),
        pytest.param(500, status("InternalError"), TransientError, id="any other 500 passes"),
        pytest.param(401, status("Unauthorized"), CredentialsError, id="credentials"),
        pytest.param(403, status("Forbidden"), DeniedError, id="a missing right"),
        pytest.param(403, status("Forbidden", "NamespaceTerminating"), PreconditionError, id="a namespace that ends"),
        pytest.param(404, b"404 page not found\n", NotFoundError, id="a kind that is not served"),
        pytest.param(409, status("Conflict"), StaleError, id="moved"),
        pytest.param(409, status("AlreadyExists"), ConflictError, id="taken"),
        pytest.param(409, status("Conflict", "FieldManagerConflict"), ConflictError, id="another manager's field"),
        pytest.param(410, status("Expired"), ExpiredError, id="compacted"),
        pytest.param(429, b"", ThrottledError, id="throttled"),
        pytest.param(503, b"<html>", TransientError, id="a proxy's page"),
        pytest.param(504, b"[1]", TransientError, id="JSON that is no Status"),
    ],
)
def test_meaning(code: int, body: bytes, meaning: type[ReconcileError]) -> None:
    assert type(refusal(code, body)) is meaning


@pytest.mark.parametrize(
    ("code", "said", "text"),
    [
        pytest.param(
            422,
            {"cause": "FieldValueInvalid", "message": 'Invalid value: "UP": should match', "field": "spec.region"},
            'spec.region: Invalid value: "UP": should match',
            id="a harmless value helps",
        ),
        pytest.param(
            422,
            {"cause": "x", "message": r'Invalid value: "a\"b: c": should match', "field": "spec.environment[0].value"},
            "spec.environment[0].value: Invalid value: should match",
            id="an environment value is left out, quotes and all",
        ),
        pytest.param(
            422,
            {"cause": "x", "message": 'Invalid value: {"environment":"s"}: no', "field": "<nil>"},
            "Invalid value: no",
            id="so is a whole object",
        ),
        pytest.param(
            500,
            {"message": TYPED + ".spec.hyperParameters: expected list, got &{map[lr:s: t]}"},
            "spec.hyperParameters: expected list",
            id="server-side apply prints values as Go does",
        ),
        pytest.param(
            500,
            {
                "message": TYPED
                + "errors:\n  .spec.a: field not declared in schema\n  .spec.b: expected numeric (int or float), got string"
            },
            "spec.a: field not declared in schema; spec.b: expected numeric (int or float)",
            id="several at once",
        ),
        pytest.param(
            500, {"message": TYPED + "odd, got &{s\ns}"}, TYPED + "odd", id="an unknown form is cut at the value"
        ),
    ],
)
def test_text(code: int, said: dict[str, Any], text: str) -> None:
    assert str(refusal(code, status(**said))) == text


def test_a_text_without_end_is_cut() -> None:
    assert len(str(refusal(503, b"x" * 100_000))) <= 1024
