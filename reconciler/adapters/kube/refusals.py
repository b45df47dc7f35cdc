"""The API server's answers as our errors, classed in one place.

| answer | error | because |
| --- | --- | --- |
| 400, 405, 406, 413, 415, 422, 3xx | TerminalError | the request itself is wrong; the text names the field |
| 500 "failed to create typed patch object" | TerminalError | server-side apply reports an undeclared field or a wrong type as 500 (seen on 1.37) |
| 401 | CredentialsError | nothing will work until the credentials are renewed |
| 403 | DeniedError | a right is missing |
| 403, NamespaceTerminating | PreconditionError | nothing is wrong with the object |
| 404 | NotFoundError | object, namespace or resource definition |
| 409 Conflict | StaleError | the resourceVersion or uid that was decided on is no longer the live one |
| 409 AlreadyExists, FieldManagerConflict | ConflictError | the name, or a field, belongs to someone else |
| 410 | ExpiredError | a resourceVersion or continue token is too old |
| 429 | ThrottledError | |
| everything else | TransientError | |
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.core.conditions import clip
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

MESSAGE_LIMIT = 1024

_WRONG_REQUEST = frozenset({400, 405, 406, 413, 415, 422})
_TYPED_PATCH = "failed to create typed patch object"
_MAY_HOLD_SECRETS = re.compile(r"environment|hyperparameters|\bdata\b|stringdata", re.IGNORECASE)
_QUOTED_VALUE = re.compile(r'(Invalid value|Unsupported value|Duplicate value): (?:"(?:[^"\\]|\\.)*"|\{.*?\}|[^\s:]+)')
_TYPED_ERROR = re.compile(r"(?<![\w.])\.([^\s:,]+: (?:field not declared in schema|expected [a-z]+(?: \([a-z ]+\))?))")
_GO_VALUE = re.compile(r", got &.*", re.DOTALL)
"""How server-side apply quotes a value of the wrong type: as Go prints it, over several lines if it has them."""


class ExpiredError(TransientError):
    """The place in history that was asked for is compacted away: list again."""

    reason = "Expired"


def refusal(status: int, body: bytes) -> ReconcileError:
    """Translate an answer that is not a success; `body` is a metav1.Status, or whatever a proxy in between says."""
    said = _status_object(body)
    message, reason = _message(status, said, body), str(said.get("reason", ""))
    typed_patch = status == 500 and str(said.get("message", "")).startswith(_TYPED_PATCH)
    causes = {str(cause.get("reason", "")) for cause in _causes(said)}
    if status in _WRONG_REQUEST or 300 <= status < 400 or typed_patch:
        return TerminalError(message)
    match status:
        case 401:
            return CredentialsError(f"the Kubernetes API does not accept our credentials: {message}")
        case 403 if "NamespaceTerminating" in causes:
            return PreconditionError(message)
        case 403:
            return DeniedError(message)
        case 404:
            return NotFoundError(message)
        case 409 if reason == "AlreadyExists" or "FieldManagerConflict" in causes:
            return ConflictError(message)
        case 409:
            return StaleError(message)
        case 410:
            return ExpiredError(message)
        case 429:
            return ThrottledError(message)
        case _:
            return TransientError(message)


def _status_object(body: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _causes(said: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return (said.get("details") or {}).get("causes") or ()


def _message(status: int, said: Mapping[str, Any], body: bytes) -> str:
    """The server's words, with the field before each; values that may be secrets are left out.

    The API server quotes a refused environment variable or hyperparameter, and this text ends up in status.
    """
    if status == 422 and _causes(said):
        return clip("; ".join(_cause(cause) for cause in _causes(said)), MESSAGE_LIMIT)
    text = str(said.get("message") or body[:MESSAGE_LIMIT].decode(errors="replace") or f"HTTP {status}")
    if text.startswith(_TYPED_PATCH):
        found = _TYPED_ERROR.findall(text)
        text = "; ".join(found) if found else _GO_VALUE.sub("", text)
    elif _MAY_HOLD_SECRETS.search(text):
        text = _QUOTED_VALUE.sub(r"\1", text)
    return clip(text, MESSAGE_LIMIT)


def _cause(cause: Mapping[str, Any]) -> str:
    field, text = str(cause.get("field", "")), str(cause.get("message", ""))
    if _MAY_HOLD_SECRETS.search(field) or field in {"", "<nil>", "spec"}:
        text = _QUOTED_VALUE.sub(r"\1", text)
    return f"{field}: {text}" if field and field != "<nil>" else text
