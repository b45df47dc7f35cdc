from __future__ import annotations

import pytest

from reconciler.adapters.kube.api import CORE_KINDS, Api, api_of
from reconciler.core.errors import TerminalError

MODELS = Api("sagemaker.aws.amazon.com", "v1", "models")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param(MODELS.path(), "/apis/sagemaker.aws.amazon.com/v1/models", id="all namespaces"),
        pytest.param(
            MODELS.path("a", "b", "status"),
            "/apis/sagemaker.aws.amazon.com/v1/namespaces/a/models/b/status",
            id="a subresource",
        ),
        pytest.param(CORE_KINDS["Secret"].path("a", "b"), "/api/v1/namespaces/a/secrets/b", id="the core group"),
        pytest.param(CORE_KINDS["Namespace"].path("", "a"), "/api/v1/namespaces/a", id="cluster scope"),
        pytest.param(
            MODELS.path("a", "../x?y"), "/apis/sagemaker.aws.amazon.com/v1/namespaces/a/models/..%2Fx%3Fy", id="quoted"
        ),
    ],
)
def test_path(path: str, expected: str) -> None:
    assert path == expected


def test_an_unknown_kind_is_the_manifests_fault() -> None:
    with pytest.raises(TerminalError, match="Pod"):
        api_of(CORE_KINDS, "Pod")
