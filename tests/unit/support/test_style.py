"""What `make style` counts, on sources of a few lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from textwrap import dedent

import pytest

from tests.support.journey import Travelled, Visit, travelled
from tests.support.style import (
    Figure,
    Module,
    Place,
    anys,
    class_names,
    figures,
    large_classes,
    long_functions,
    public_names,
    rendered,
    wide,
    wide_records,
)


def module(text: str, path: str = "reconciler/core/a.py") -> Module:
    return Module(path, dedent(text))


def said(places: Iterable[Place]) -> list[str]:
    return [place.says for place in places]


def constructors(found: list[Module]) -> Iterable[Place]:
    return wide(found, constructors=True)


def functions(found: list[Module]) -> Iterable[Place]:
    return wide(found, constructors=False)


SEVEN, EIGHT = ", ".join("abcdefg"), ", ".join("abcdefgh")


@pytest.mark.parametrize(
    ("count", "text", "found"),
    [
        pytest.param(long_functions, "def f():\n" + "    pass\n" * 59, [], id="60 lines"),
        pytest.param(long_functions, "def f():\n" + "    pass\n" * 60, ["f, 61 lines"], id="61 lines"),
        pytest.param(
            long_functions,
            "class A:\n    async def f(self):\n" + "        pass\n" * 60,
            ["A.f, 61 lines"],
            id="a method, decorators apart",
        ),
        pytest.param(constructors, f"class A:\n    def __init__(self, {SEVEN}): ...", [], id="self is no parameter"),
        pytest.param(
            constructors,
            f"class A:\n    def __init__(self, *, {EIGHT}): ...",
            ["A.__init__, 8 parameters"],
            id="by keyword counts too",
        ),
        pytest.param(constructors, f"def f({EIGHT}): ...", [], id="a function is no constructor"),
        pytest.param(functions, f"def f({EIGHT}): ...", ["f, 8 parameters"], id="a function"),
        pytest.param(functions, f"class A:\n    def __init__(self, {EIGHT}): ...", [], id="a constructor is no other"),
        pytest.param(
            wide_records,
            "@dataclass(frozen=True)\nclass A:\n" + "\n".join(f"    {name}: int" for name in "abcdefgh"),
            ["A, 8 fields"],
            id="fields of a dataclass",
        ),
        pytest.param(
            wide_records, "class A:\n" + "\n".join(f"    {name}: int" for name in "abcdefgh"), [], id="no dataclass"
        ),
        pytest.param(
            large_classes,
            "class A:\n" + "\n".join(f"    def m{n}(self): ..." for n in range(16)),
            ["A, 16 methods"],
            id="16 methods",
        ),
        pytest.param(
            large_classes, "class A:\n" + "\n".join(f"    def m{n}(self): ..." for n in range(15)), [], id="15 methods"
        ),
    ],
)
def test_places(count: Callable[[list[Module]], Iterable[Place]], text: str, found: list[str]) -> None:
    assert said(count([module(text)])) == found


def test_a_class_name_counts_where_it_is_defined_private_and_nested_too() -> None:
    one = module("class A: ...\nclass _B:\n    class A: ...")
    other = module("def f():\n    class _B: ...", "reconciler/core/b.py")
    assert {name: said(places) for name, places in class_names([one, other]).items()} == {
        "A": ["A", "_B.A"],
        "_B": ["_B", "f._B"],
    }


def test_any_counts_in_annotations_alone() -> None:
    text = """
        from typing import Any
        Alias = dict[str, Any]
        def f(a: Any, *more: Any, **others: dict[str, Any]) -> Any:
            b: Any = cast(Any, a)
    """
    assert len(anys(module(text))) == 5


def test_names_that_stand_for_any_are_counted_where_they_are_asked_for() -> None:
    text = "def f(status: Status, spec: Mapping[str, Json]) -> int: ..."
    assert [one.says for one in anys(module(text), ("Any", "Status", "Json"))] == ["Status", "Json"]


def test_public_names_and_their_docstrings() -> None:
    text = '''
        class A:
            """Said."""
            def told(self):
                """Said."""
            def untold(self): ...
            def _private(self): ...
            def __str__(self): ...
        class _B:
            def inside(self): ...
        def f():
            def inside(): ...
    '''
    assert {place.says: documented for place, documented in public_names(module(text))} == {
        "A": True,
        "A.told": True,
        "A.untold": False,
        "f": False,
    }


def test_the_embedded_default_counts_only_where_it_is_said() -> None:
    found = [module("class A: ..."), module("class A: ...", "reconciler/dev/a.py")]
    table = {figure.name: figure.value for figure in figures(found)}
    assert (table["class names with several meanings"], table["the same with reconciler/dev"]) == ("0 of 1", "1 of 1")


def test_a_table_with_and_without_its_places() -> None:
    table = [Figure("wide", "1", (Place("a.py", 3, "f"),)), Figure("longer name", "0")]
    assert list(rendered(table, listed=False)) == ["wide         1", "longer name  0"]
    assert list(rendered(table, listed=True)) == ["wide         1", "    a.py:3: f", "longer name  0"]


@pytest.mark.parametrize(
    ("files", "returns"),
    [
        pytest.param("", 0, id="nowhere"),
        pytest.param("aabbc", 0, id="ever onward"),
        pytest.param("abab", 2, id="to and fro"),
        pytest.param("abbca", 1, id="back at the end"),
    ],
)
def test_returns_to_a_file_that_was_left(files: str, returns: int) -> None:
    journey = [Visit(f"{name}.py", number, "f") for number, name in enumerate(files)]
    assert travelled(journey) == Travelled(len(files), len(set(files)), returns)
