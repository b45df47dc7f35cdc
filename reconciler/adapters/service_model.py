"""Shape trees from botocore's service model and a kind's declared differences: the only module that reads that model.

Refuses to guess: a declared difference whose path the model does not have, a recursive shape, a type or a pattern that is not
known here stops the build, so that a botocore upgrade shows what it changed in `make check` and not in a cluster.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from botocore.loaders import Loader

from reconciler.core.catalog import Catalog
from reconciler.core.references import reference_field
from reconciler.core.schema.declaration import CLOSED_ENUMS, SECRET_MEMBERS, ApiDifference, Nested, Schema, Source
from reconciler.core.schema.patterns import UntranslatableError, translate
from reconciler.core.schema.rules import AtMostOne, ExactlyOne, Rule
from reconciler.core.schema.shapes import Field, List, NameValueList, Scalar, Shape, Structure
from reconciler.kinds import CATALOG

__all__ = ["load_shape"]

_SCALARS = {"integer": "integer", "long": "integer", "float": "number", "double": "number", "boolean": "boolean"}
_DOC_LIMIT = 120


def load_shape(schema: Schema, loader: Loader | None = None, catalog: Catalog = CATALOG) -> Structure:
    """The spec of a kind, its references to kinds of the catalogue. Give the session's loader where there is one: each loader
    keeps its own copy of the models.
    """
    return _load(schema, loader or _own_loader(), catalog)


@lru_cache(maxsize=1)
def _own_loader() -> Loader:
    return Loader()


@lru_cache(maxsize=64)
def _load(schema: Schema, loader: Loader, catalog: Catalog) -> Structure:
    rules = _by_path(schema.rules)
    if schema.spec is not None:
        built = _with_rules(schema.spec, "", rules)
    else:
        builder = _Builder(loader, catalog, schema.differences, rules)
        fields = builder.merged(schema.sources)
        builder.all_used()
        nested = tuple(_nested(entry, loader, catalog, rules) for entry in schema.nested)
        added = _with_references(schema, catalog)
        built = Structure((*added, *nested, *fields), rules.pop("", ()), moved=schema.moved)
    if rules:
        raise ValueError(f"{schema.kind}: no structure is at {sorted(rules)}")
    return built


def _with_references(schema: Schema, catalog: Catalog) -> tuple[Field, ...]:
    """The fields declared by hand, with the `...Ref` that may stand in the items of their lists."""
    added = {field.key: field for field in schema.added}
    for key, member, gives in schema.references:
        items = added[key].shape
        if not isinstance(items, List) or not isinstance(items.item, Structure):
            raise TypeError(f"{schema.kind}: {key} is no list of structures")
        reference = reference_field(member, gives, catalog.providers(gives))
        rule = AtMostOne((member, reference.key))
        item = replace(items.item, fields=(*items.item.fields, reference), rules=(*items.item.rules, rule))
        added[key] = replace(added[key], shape=replace(items, item=item))
    return tuple(added.values())


def _nested(entry: Nested, loader: Loader, catalog: Catalog, rules: dict[str, tuple[Rule, ...]]) -> Field:
    builder = _Builder(loader, catalog, entry.differences, rules, at=entry.field.key)
    fields = builder.merged((entry.source,))
    builder.all_used()
    item = Structure((*entry.added, *fields), rules.pop(entry.field.key, ()))
    return replace(entry.field, shape=List(item, max_items=entry.max_items))


class _Builder:
    """Walks one kind's operations and keeps account of which differences and rules found their place."""

    def __init__(
        self,
        loader: Loader,
        catalog: Catalog,
        differences: Iterable[ApiDifference],
        rules: dict[str, tuple[Rule, ...]],
        at: str = "",
    ) -> None:
        self._loader = loader
        self._catalog = catalog
        self._differences = {difference.path: difference for difference in differences}
        self._unused = set(self._differences)
        self._rules = rules
        self._at = at

    def merged(self, sources: Iterable[Source]) -> tuple[Field, ...]:
        """The members of several operations' inputs; one that several have is one field that goes out with each."""
        fields: dict[str, Field] = {}
        for source in sources:
            model = self._loader.load_service_model(source.service, "service-2")
            shapes = model["shapes"]
            root = model["operations"][source.operation]["input"]["shape"]
            for field in self._fields(shapes, root, "", self._at, (root,)):
                name = field.api or field.key
                if name in fields:
                    earlier = fields[name]
                    fields[name] = replace(earlier, operations=(*earlier.operations, source.operation))
                else:
                    fields[name] = replace(field, operations=(source.operation,))
        return tuple(fields.values())

    def all_used(self) -> None:
        if self._unused:
            raise ValueError(f"the service model has no {sorted(self._unused)}")

    def _fields(
        self, shapes: Mapping[str, Any], name: str, api_path: str, path: str, above: tuple[str, ...]
    ) -> list[Field]:
        required = set(shapes[name].get("required", ()))
        found = []
        for api, member in shapes[name]["members"].items():
            here = f"{api_path}.{api}" if api_path else api
            self._unused.discard(here)
            differs = self._differences.get(here, ApiDifference(here))
            if differs.leave_out:
                continue
            key = differs.key or api[0].lower() + api[1:]
            there = f"{path}.{key}" if path else key
            shape = self._shape(shapes, member["shape"], here, there, above)
            if api in SECRET_MEMBERS and isinstance(shape, NameValueList):
                shape = replace(shape, value=replace(shape.value, secret=True))
            wanted = api in required and not differs.supplied
            demanded = wanted if differs.required is None else differs.required
            if differs.reference:
                reference = reference_field(key, differs.reference, self._catalog.providers(differs.reference))
                found.append(reference)
                rule = (ExactlyOne if demanded else AtMostOne)((key, reference.key))
                self._rules[path] = (*self._rules.get(path, ()), rule)
                wanted = demanded = False
            found.append(
                Field(
                    key,
                    _changed(shape, differs),
                    api=api,
                    required=demanded,
                    aliases=differs.aliases,
                    doc=_first_sentence(
                        member.get("documentation") or shapes[member["shape"]].get("documentation", "")
                    ),
                    digest=differs.digest,
                    supplied=differs.supplied,
                    api_required=wanted,
                )
            )
        return found

    def _shape(self, shapes: Mapping[str, Any], name: str, api_path: str, path: str, above: tuple[str, ...]) -> Shape:
        model = shapes[name]
        if name in above:
            raise ValueError(f"{api_path}: the shape {name} contains itself")
        match model["type"]:
            case "structure":
                fields = self._fields(shapes, name, api_path, path, (*above, name))
                return Structure(tuple(fields), self._rules.pop(path, ()))
            case "list":
                item = self._shape(shapes, model["member"]["shape"], api_path, path, above)
                if api_path in self._differences and self._differences[api_path].name_value:
                    return _pairs_of(item, model)
                return List(item, min_items=model.get("min") or None, max_items=model.get("max"))
            case "map":
                key, value = (_scalar(part := model[side]["shape"], shapes[part]) for side in ("key", "value"))
                return NameValueList(key, value, max_items=model.get("max"))
            case _:
                return _scalar(name, model)


def _pairs_of(item: Shape, model: Mapping[str, Any]) -> NameValueList:
    """A list of Name and Value, treated like the map it is. Neither member was ever required in the resource."""
    if not isinstance(item, Structure):
        raise TypeError("name_value is about a list of structures")
    name, value = item.fields
    if not (isinstance(name.shape, Scalar) and isinstance(value.shape, Scalar) and name.api and value.api):
        raise TypeError("name_value is about pairs of strings")
    return NameValueList(name.shape, value.shape, max_items=model.get("max"), as_list=(name.api, value.api))


def _pattern(name: str, theirs: str) -> str | None:
    try:
        return translate(theirs)
    except UntranslatableError as error:
        raise UntranslatableError(
            f"{name}: {error}; add a rewrite to core/schema/patterns, or leave the member out"
        ) from None


def _scalar(name: str, model: Mapping[str, Any]) -> Scalar:
    kind = model["type"]
    if kind == "string":
        return Scalar(
            "string",
            min_length=model.get("min") or None,
            max_length=model.get("max"),
            pattern=_pattern(name, model["pattern"]) if "pattern" in model else None,
            enum=tuple(model.get("enum", ())) if name in CLOSED_ENUMS else (),
            known=() if name in CLOSED_ENUMS else tuple(model.get("enum", ())),
        )
    if kind not in _SCALARS:
        raise ValueError(f"the type {kind} of {name} is not known")
    if kind == "boolean":
        return Scalar("boolean")
    whole = _SCALARS[kind] == "integer"
    return Scalar(
        "integer" if whole else "number",
        minimum=model.get("min"),
        maximum=model.get("max"),
        format="int64" if whole else None,
    )


def _changed(shape: Shape, differs: ApiDifference) -> Shape:
    """The limits that the resource has instead of the API's."""
    match shape:
        case Scalar():
            if differs.open:
                shape = replace(shape, pattern=None, enum=(), known=(), min_length=None, max_length=None)
            if differs.supplied and shape.type == "string":
                shape = replace(shape, min_length=None, pattern=f"(?:{shape.pattern})?" if shape.pattern else None)
            changes = {
                name: getattr(differs, name)
                for name in ("minimum", "maximum", "min_length", "max_length")
                if getattr(differs, name) is not None
            }
            return replace(shape, **changes)
        case List() | NameValueList() if differs.tags and isinstance(shape, NameValueList):
            return replace(
                shape, name_key="key", required=("key", "value"), max_items=differs.max_items or shape.max_items
            )
        case NameValueList() if differs.max_items is not None:
            return replace(shape, max_items=differs.max_items)
        case List():
            return replace(
                shape,
                min_items=shape.min_items if differs.min_items is None else differs.min_items,
                max_items=shape.max_items if differs.max_items is None else differs.max_items,
            )
        case _:
            return shape


def _by_path(rules: Iterable[tuple[str, tuple[Rule, ...]]]) -> dict[str, tuple[Rule, ...]]:
    found: dict[str, tuple[Rule, ...]] = {}
    for path, some in rules:
        found[path] = (*found.get(path, ()), *some)
    return found


def _with_rules(shape: Structure, path: str, rules: dict[str, tuple[Rule, ...]]) -> Structure:
    """A hand-declared tree with its rules put in place."""
    fields = []
    for field in shape.fields:
        there = f"{path}.{field.key}" if path else field.key
        inner: Shape = field.shape
        if isinstance(inner, Structure):
            inner = _with_rules(inner, there, rules)
        elif isinstance(inner, List) and isinstance(inner.item, Structure):
            inner = replace(inner, item=_with_rules(inner.item, there, rules))
        fields.append(replace(field, shape=inner))
    return Structure(tuple(fields), (*shape.rules, *rules.pop(path, ())))


_TAG = re.compile(r"<[^>]*>")
_SENTENCE = re.compile(r"(?<=[a-z0-9)\"'])\. |\.$")


def _first_sentence(documentation: str) -> str:
    """Short enough to keep a CRD small enough for `kubectl apply`, which copies it into an annotation."""
    text = " ".join(html.unescape(_TAG.sub(" ", documentation)).split())
    text = re.sub(r" ([,.;:)])", r"\1", text)
    if found := _SENTENCE.search(text):
        text = text[: found.start()] + "."
    if len(text) <= _DOC_LIMIT:
        return text
    return text[: _DOC_LIMIT - 1].rsplit(" ", 1)[0] + "…"
