"""The front door: one WSGI application for every service on one port.

Calls of SageMaker and of Application Auto Scaling are ours, `/_sim/` is the control API, everything else goes to moto; fault rules and the record
cover all of them. Any call ends in exactly one line of the record.
"""

import io
import json
import re
import time
from collections.abc import Callable, Iterable
from typing import Any, NoReturn
from urllib.parse import parse_qs, unquote

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from reconciler.dev.simulator import autoscaling, errors, wire
from reconciler.dev.simulator.control import Control
from reconciler.dev.simulator.errors import ApiError, CallDroppedError, GarbageError
from reconciler.dev.simulator.faults import FaultSubject
from reconciler.dev.simulator.iam import IamEnforcer
from reconciler.dev.simulator.neighbours import Moto
from reconciler.dev.simulator.regions import check_region
from reconciler.dev.simulator.requests import RequestLog
from reconciler.dev.simulator.scope import Scope
from reconciler.dev.simulator.service import Arrival, SageMaker, apply_after, apply_before
from reconciler.dev.simulator.world import World

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_SMITHY_PATH = re.compile(r"/service/[^/]+/operation/(\w+)")
_DEFAULT = ("", "us-east-1", "s3")
_READS = ("Describe", "List", "Get", "Filter", "Head", "Lookup", "GET", "HEAD")
_NAMES = ("logGroupName", "QueueUrl", "QueueName", "ResourceId", "AlarmName", "Rule", "Name", "RoleArn", "Bucket")
"""Where calls to moto keep what they are about, most telling first."""


class Front:
    def __init__(
        self,
        world: World,
        *,
        sagemaker: SageMaker,
        scaling: autoscaling.ApplicationAutoScaling,
        log: RequestLog,
        control: Control,
        moto: Moto,
        iam: IamEnforcer,
    ) -> None:
        self._world = world
        self._sagemaker = sagemaker
        self._scaling = scaling
        self._log = log
        self._control = control
        self._neighbours = moto
        self._iam = iam
        self._moto = _Services(create_backend_app)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = _body(environ)
        path = environ.get("PATH_INFO", "")
        if path.startswith("/_sim/"):
            status, kind, answer = self._control.answer(
                environ["REQUEST_METHOD"], path, environ.get("QUERY_STRING", ""), body
            )
            return wire.send(start_response, status, answer, kind)
        arrival = self._recognise(environ, path, body)
        began = time.monotonic()
        code, effect = "OK", False
        try:
            check_region(arrival.scope.region)
            self._iam.check(arrival, lambda: _said(environ, body))
            code, effect, sent = self._serve(environ, arrival, body, start_response)
        except ApiError as refusal:
            code = refusal.code
            return wire.refuse(start_response, refusal, wire.protocol(environ, arrival.service))
        except CallDroppedError as cut:
            code, effect = cut.code, cut.effect and not arrival.op.startswith(_READS)
            _close(environ)
        except GarbageError as answer:
            code, effect = "Garbage", not arrival.op.startswith(_READS)
            return wire.send(start_response, answer.status, answer.body.encode(), "text/html")
        except Exception:
            code = "InternalFailure"
            raise
        else:
            return sent
        finally:
            self._log.add(
                time=self._world.clock.now(),
                service=arrival.service,
                op=arrival.op,
                key=arrival.key,
                code=code,
                effect=effect,
                account=arrival.scope.account,
                region=arrival.scope.region,
                caller=arrival.access_key,
                ms=round((time.monotonic() - began) * 1000, 2),
                input={} if arrival.op.startswith(_READS) else _said(environ, body),
            )

    def _serve(
        self, environ: Environ, arrival: Arrival, body: bytes, start_response: StartResponse
    ) -> tuple[str, bool, Iterable[bytes]]:
        """The code for the record, whether anything changed, and the answer."""
        if environ.get("HTTP_X_AMZ_TARGET", "").startswith("SageMaker."):
            answer, effect = self._sagemaker.answer(arrival, body)
            return "OK", effect, wire.send(start_response, 200, answer, wire.JSON)
        if environ.get("HTTP_X_AMZ_TARGET", "").startswith(f"{autoscaling.TARGET_PREFIX}."):
            answer, effect = self._scaling.answer(arrival, body)
            return "OK", effect, wire.send(start_response, 200, answer, wire.JSON)
        return self._pass_on(environ, arrival, body, start_response)

    def _recognise(self, environ: Environ, path: str, body: bytes) -> Arrival:
        found = _CREDENTIAL.search(unquote(environ.get("HTTP_AUTHORIZATION") or environ.get("QUERY_STRING", "")))
        access_key, region, service = found.groups() if found else _DEFAULT
        scope = Scope(self._neighbours.account(access_key), region)
        target, _, op = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")
        if target == "SageMaker":  # signed or not
            return Arrival("sagemaker", op, scope, access_key, self._sagemaker.key(op, body))
        if smithy := _SMITHY_PATH.search(path):
            return Arrival(service, smithy[1], scope, access_key)
        fields = _said(environ, body)
        op = op or str(fields.get("Action", environ["REQUEST_METHOD"]))
        key = next((str(fields[name]) for name in _NAMES if fields.get(name)), "" if fields else path.strip("/"))
        return Arrival(service, op, scope, access_key, key)

    def _pass_on(
        self, environ: Environ, arrival: Arrival, body: bytes, start_response: StartResponse
    ) -> tuple[str, bool, Iterable[bytes]]:
        account, region = arrival.scope.account, arrival.scope.region
        subject = FaultSubject(arrival.service, arrival.op, arrival.key, account, arrival.access_key, region)
        rules = self._world.faults.on_call(subject, self._world.clock.now())
        apply_before(self._world.faults, rules)
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = account
        if arrival.service == "logs" and arrival.op == "FilterLogEvents":
            _replace_body(environ, self._filter_by_prefix(arrival, body))
        status, headers, answer = self._moto_s_answer(environ, arrival)
        apply_after(self._world.faults, rules)
        if int(status[:3]) < 400:
            code, effect = "OK", not arrival.op.startswith(_READS)
        else:
            code, effect = wire.error_code(dict(headers), answer) or status[:3], False
        start_response(status, headers)
        return code, effect, [answer]

    def _moto_s_answer(self, environ: Environ, arrival: Arrival) -> tuple[str, list[tuple[str, str]], bytes]:
        """Moto raises what it lacks: an operation, a service. Either is refused in the protocol that the caller reads."""
        try:
            return _ask(self._moto, environ)
        except NotImplementedError:
            raise errors.not_simulated(arrival.service, arrival.op) from None

    def _filter_by_prefix(self, arrival: Arrival, body: bytes) -> bytes:
        """Give moto, which ignores logStreamNamePrefix and returns every stream (PY-8), the streams' names instead."""
        request = json.loads(body)
        prefix = request.pop("logStreamNamePrefix", None)
        if prefix is not None:
            streams = self._neighbours.log_streams(arrival.scope, request.get("logGroupName", ""), prefix)
            # A name no stream can have (it holds a colon) stands for "none": an empty list would mean "all".
            request["logStreamNames"] = streams or [":"]
        return json.dumps({**request, "interleaved": True}).encode()


class _Services(DomainDispatcherApplication):
    """moto's own goes on with None for a service that it does not know, and fails on that."""

    def get_backend_for_host(self, host: str | None) -> Any:
        found = super().get_backend_for_host(host)
        if found is None and "amazonaws.com" in (host or ""):
            raise NotImplementedError(host)
        return found


def _body(environ: Environ) -> bytes:
    """Read it whole, whoever answers: what is left unread would open the next request of a kept connection."""
    length = environ.get("CONTENT_LENGTH")
    stream = environ["wsgi.input"]
    body: bytes = (
        stream.read(int(length)) if length else (stream.read() if environ.get("wsgi.input_terminated") else b"")
    )
    _replace_body(environ, body)
    return body


def _replace_body(environ: Environ, body: bytes) -> None:
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))


def _said(environ: Environ, body: bytes) -> dict[str, Any]:
    """The members of the request; empty where its protocol is another one, or it is none."""
    if wire.is_form(environ):
        return {name: values[0] for name, values in parse_qs(body.decode("latin-1")).items()}
    if "json" not in environ.get("CONTENT_TYPE", ""):
        return {}
    try:
        fields = json.loads(body or b"{}")
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _ask(application: Any, environ: Environ) -> tuple[str, list[tuple[str, str]], bytes]:
    begun: list[Any] = []

    def start(status: str, headers: list[tuple[str, str]], _exc: Any = None) -> None:
        begun[:] = [status, headers]

    answer = b"".join(application(environ, start))
    status, headers = begun
    return status, headers, answer


def _close(environ: Environ) -> NoReturn:
    """End the connection without a byte of answer; the server takes the error for a client that has gone."""
    wire.shut(environ["werkzeug.socket"])
    raise ConnectionAbortedError("cut by a rule")
