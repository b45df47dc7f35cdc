"""What differs between AWS partitions in texts we write: console hosts and runtime hosts (facts, section 7)."""

from __future__ import annotations

_CONSOLE = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}
_SUFFIX = {"cn-": "amazonaws.com.cn"}


def _by_region(table: dict[str, str], region: str, default: str) -> str:
    return next((value for prefix, value in table.items() if region.startswith(prefix)), default)


def log_url(region: str, group: str, stream_prefix: str) -> str:
    host = _by_region(_CONSOLE, region, "console.aws.amazon.com")
    return (
        f"https://{region}.{host}/cloudwatch/home?region={region}"
        f"#logStream:group={group};prefix={stream_prefix};streamFilter=typeLogStreamPrefix"
    )


def invocation_url(region: str, endpoint: str) -> str:
    suffix = _by_region(_SUFFIX, region, "amazonaws.com")
    return f"https://runtime.sagemaker.{region}.{suffix}/endpoints/{endpoint}/invocations"
