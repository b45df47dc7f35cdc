"""A kind's CustomResourceDefinition from its schema and its shape tree.

No defaults are written for a spec: one would enter stored specs and so change digests, and with them everybody's job names. Lists
in spec are atomic, because reverting an edit must also take away what somebody added to a list.
"""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.core.resource import UNOBSERVED
from reconciler.core.schema.declaration import Column, Schema
from reconciler.core.schema.rules import Rule
from reconciler.core.schema.shapes import Field, List, NameValueList, Opaque, Scalar, Shape, StringMap, Structure
from reconciler.core.values import Json, JsonObject

__all__ = ["crd"]


def crd(schema: Schema, spec: Structure) -> dict[str, Json]:
    """The CustomResourceDefinition as a JSON object, structural and without defaults in spec."""
    names: dict[str, Json] = {"kind": schema.kind, "listKind": f"{schema.kind}List", "plural": schema.plural}
    names["singular"] = schema.singular
    names["categories"] = list(schema.categories)
    if schema.short_names:
        names["shortNames"] = list(schema.short_names)
    version = {
        "name": schema.version,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(column) for column in schema.columns],
        "schema": {"openAPIV3Schema": _root(schema, spec)},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": schema.crd_name, "labels": {"app.kubernetes.io/part-of": "sagemaker-gitops"}},
        "spec": {"group": schema.group, "names": names, "scope": "Namespaced", "versions": [version]},
    }


def _column(column: Column) -> dict[str, Json]:
    rendered: dict[str, Json] = {"name": column.name, "type": column.type, "jsonPath": column.path}
    if column.format:
        rendered["format"] = column.format
    if column.wide:
        rendered["priority"] = 1
    return rendered


def _root(schema: Schema, spec: Structure) -> dict[str, Json]:
    return {
        "type": "object",
        "description": schema.doc,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": _schema_of(spec),
            "status": _status(schema.status),
        },
    }


def _status(status: Structure) -> dict[str, Json]:
    rendered = _schema_of(status)
    conditions = rendered["properties"]["conditions"]
    # One entry per type: what kstatus, and server-side apply by others, expect of conditions.
    conditions["x-kubernetes-list-type"] = "map"
    conditions["x-kubernetes-list-map-keys"] = ["type"]
    # Until somebody looked at a new object: without a status kstatus calls it Current, and `helm --wait` is done at once.
    rendered["default"] = dict(UNOBSERVED)
    return rendered


def _schema_of(shape: Shape) -> dict[str, Json]:
    match shape:
        case Structure():
            return _object(shape)
        case Opaque():
            return {**_object(shape.known), "x-kubernetes-preserve-unknown-fields": True}
        case List():
            return _array(_schema_of(shape.item), shape.min_items, shape.max_items)
        case NameValueList():
            pair = {shape.name_key: _schema_of(shape.key), shape.value_key: _schema_of(shape.value)}
            required = {"required": list(shape.required)} if shape.required else {}
            return _array({"type": "object", **required, "properties": pair}, None, shape.max_items)
        case StringMap():
            bound = {} if shape.max_items is None else {"maxProperties": shape.max_items}
            return {"type": "object", "additionalProperties": _schema_of(shape.value), **bound}
        case Scalar():
            return _scalar(shape)


def _object(shape: Structure) -> dict[str, Json]:
    properties: dict[str, Json] = {}
    for field in shape.fields:
        properties |= dict(_spellings(field))
    rendered: dict[str, Json] = {"type": "object", "properties": properties}
    if required := [field.key for field in shape.fields if field.required]:
        rendered["required"] = required
    if shape.rules:
        rendered["x-kubernetes-validations"] = [_validation(rule) for rule in shape.rules]
    return rendered


def _spellings(field: Field) -> Iterable[tuple[str, JsonObject]]:
    described = {"description": field.doc} if field.doc else {}
    yield field.key, {**described, **_schema_of(field.shape)}
    for alias in field.aliases:
        yield alias, {"description": f"Another spelling of {field.key}.", **_schema_of(field.shape)}


def _array(items: JsonObject, minimum: int | None, maximum: int | None) -> dict[str, Json]:
    rendered: dict[str, Json] = {"type": "array", "x-kubernetes-list-type": "atomic", "items": items}
    if minimum:
        rendered["minItems"] = minimum
    if maximum is not None:
        rendered["maxItems"] = maximum
    return rendered


def _scalar(shape: Scalar) -> dict[str, Json]:
    rendered: dict[str, Json] = {
        "type": shape.type,
        "format": shape.format,
        "minimum": shape.minimum,
        "maximum": shape.maximum,
        "minLength": shape.min_length or None,
        "maxLength": shape.max_length,
        # The service matches in full, a CRD's pattern searches.
        "pattern": None if shape.pattern is None else f"^(?:{shape.pattern})$",
        "enum": list(shape.enum) or None,
    }
    return {key: value for key, value in rendered.items() if value is not None}


def _validation(rule: Rule) -> dict[str, str]:
    return {"rule": rule.cel(), "message": rule.message}
