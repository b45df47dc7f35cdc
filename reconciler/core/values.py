"""Names for values that are read and handed on as they are: JSON of the API server, answers and parameters of AWS.

They are not typed further, because their schemas are data (core/schema, botocore's models). The names say what a mapping holds;
whatever is ours in them is a dataclass (core/records).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Answer", "Json", "JsonObject", "Params", "Spec", "Status"]

Json = Any
"""Any JSON value."""
JsonObject = Mapping[str, Any]
"""A JSON object."""
Spec = Mapping[str, Any]
"""`spec` of a custom resource, in the resource's spelling."""
Status = Mapping[str, Any]
"""`status` of a custom resource."""
Answer = Mapping[str, Any]
"""What AWS says of an object: a description or a List summary, with times as datetimes."""
Params = Mapping[str, Any]
"""Parameters of an AWS operation, in the API's spelling."""
