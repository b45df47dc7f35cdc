"""Answers as bytes: the header and error forms of the AWS protocols."""

import contextlib
import json
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import Any, Literal

from reconciler.dev.simulator.errors import ApiError

JSON = "application/x-amz-json-1.1"
Protocol = Literal["json", "cbor", "query", "s3"]

_CODE = re.compile(rb'"__type"\s*:\s*"(?:[^"]*#)?([^"]+)"|<Code>([^<]+)</Code>')
_REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 500: "Internal Server Error"}


def send(
    start_response: Callable[..., Any], status: int, body: bytes, kind: str, *more: tuple[str, str]
) -> Iterable[bytes]:
    headers = [("Content-Type", kind), ("Content-Length", str(len(body))), *more]
    start_response(f"{status} {_REASONS.get(status, 'Status')}", headers)
    return [body]


def refuse(start_response: Callable[..., Any], refusal: ApiError, protocol: Protocol) -> Iterable[bytes]:
    code, text = escape(refusal.code), escape(refusal.message)
    match protocol:
        case "cbor":
            body = b"\xa2" + b"".join(map(_cbor_text, ("__type", refusal.code, "message", refusal.message)))
            return send(start_response, refusal.status, body, "application/cbor", ("smithy-protocol", "rpc-v2-cbor"))
        case "query":
            body = (
                f"<ErrorResponse><Error><Code>{code}</Code><Message>{text}</Message></Error></ErrorResponse>".encode()
            )
            return send(start_response, refusal.status, body, "text/xml")
        case "s3":
            body = f"<Error><Code>{code}</Code><Message>{text}</Message></Error>".encode()
            return send(start_response, refusal.status, body, "application/xml")
        case _:
            return send(start_response, refusal.status, refusal.body(), JSON, ("x-amzn-ErrorType", refusal.code))


def protocol(environ: Mapping[str, Any], service: str) -> Protocol:
    if "cbor" in environ.get("CONTENT_TYPE", "") or environ.get("HTTP_SMITHY_PROTOCOL"):
        return "cbor"
    if is_form(environ):
        return "query"
    return "s3" if service == "s3" else "json"


def is_form(environ: Mapping[str, Any]) -> bool:
    return str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded")


def error_code(headers: Mapping[str, str], body: bytes) -> str:
    """The code in somebody else's error answer; empty when it cannot be read."""
    for name, value in headers.items():
        if name.lower() in ("x-amzn-errortype", "x-amzn-query-error"):
            return re.split("[:;]", value)[0].rpartition("#")[2]
    found = _CODE.search(body)
    return (found[1] or found[2]).decode() if found else ""


def parse_json(body: bytes) -> Any:
    return json.loads(body or b"{}")


def json_body(value: Any) -> bytes:
    return json.dumps(value).encode()


def shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may have gone already
        connection.shutdown(socket.SHUT_RDWR)


def _cbor_text(text: str) -> bytes:
    raw = text.encode()
    if len(raw) < 24:
        return bytes([0x60 | len(raw)]) + raw
    return b"\x79" + len(raw).to_bytes(2, "big") + raw
