"""Figures of style: how long, how wide and how ambiguous the code is, so that a change can say what it made of them.

    make style               the table
    make style ARGS=--list   and the places that are counted

They inform and never fail: no figure is a rule, and "it is one table" remains a fine answer. Counting needs the standard
library alone; the last row, a journey through the running code, is counted where the requirements are installed
(`journey.py`).
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

LINES_MAX = 60
PARAMETERS_MAX = 7
METHODS_MAX = 15
PORTS = ("reconciler/core/ports.py", "reconciler/core/git/source.py", "reconciler/runtime/sync/ports.py")
"""Beside all of core: where the protocols are through which the runtime sees the adapters."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """A source file, parsed."""

    path: str
    """From the top of the repository, with slashes."""
    text: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())


@dataclass(frozen=True)
class Place:
    """Something counted: where it is and what is said of it."""

    path: str
    line: int
    says: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.says}"


@dataclass(frozen=True)
class Figure:
    """One row of the table, and the places it counts."""

    name: str
    value: str
    places: tuple[Place, ...] = ()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make style", description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", dest="listed", help="list the places that are counted")
    asked = parser.parse_args(argv)
    table = [*figures(modules(Path())), _journey()]
    print("\n".join(rendered(table, listed=asked.listed)))
    return 0


def modules(top: Path) -> list[Module]:
    """Every Python file of the package, in the order of their paths."""
    found = sorted((top / "reconciler").rglob("*.py"))
    return [Module(file.relative_to(top).as_posix(), file.read_text(encoding="utf-8")) for file in found]


def figures(found: Sequence[Module]) -> Iterator[Figure]:
    """Everything that is counted without running anything."""
    ours = [module for module in found if not module.path.startswith("reconciler/dev/")]
    yield counted(f"functions over {LINES_MAX} lines", long_functions(ours))
    yield counted(f"constructors over {PARAMETERS_MAX} parameters", wide(ours, constructors=True))
    yield counted(f"dataclasses over {PARAMETERS_MAX} fields", wide_records(ours))
    yield counted(f"other functions over {PARAMETERS_MAX} parameters", wide(ours, constructors=False))
    yield counted(f"classes over {METHODS_MAX} methods", large_classes(ours))
    yield _ambiguous("class names with several meanings", ours)
    yield _ambiguous("the same with reconciler/dev", found)
    yield _density("Any per 1,000 lines", ours)
    yield _density("  in core and kinds", _under(ours, "reconciler/core/", "reconciler/kinds/"))
    for package in ("core", "kinds"):
        yield _density(f"  in {package}", _under(ours, f"reconciler/{package}/"))
    inner = _under(ours, "reconciler/core/", "reconciler/kinds/")
    yield _density("  there with its names of core/values.py (Json, Spec, ...)", inner, ("Any", *_aliases(ours)))
    public = [module for module in found if module.path.startswith("reconciler/core/") or module.path in PORTS]
    yield _documented("public names with a docstring, core and ports", public)
    yield _documented("  their modules with one", public, of_modules=True)


def rendered(table: Iterable[Figure], *, listed: bool) -> Iterator[str]:
    table = list(table)
    width = max(len(figure.name) for figure in table)
    for figure in table:
        yield f"{figure.name:{width}}  {figure.value}"
        if listed:
            yield from (f"    {place}" for place in figure.places)


def counted(name: str, places: Iterable[Place]) -> Figure:
    kept = tuple(places)
    return Figure(name, str(len(kept)), kept)


def long_functions(found: Iterable[Module]) -> Iterator[Place]:
    """Functions and methods, from `def` to the last line, nested ones too."""
    for module in found:
        for name, node in _functions(module.tree):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LINES_MAX:
                yield Place(module.path, node.lineno, f"{name}, {lines} lines")


def wide(found: Iterable[Module], *, constructors: bool) -> Iterator[Place]:
    """Hand-written `__init__` and `__new__`, or everything else; `self` and `cls` are no parameters."""
    for module in found:
        for name, node in _functions(module.tree):
            if (node.name in ("__init__", "__new__")) != constructors:
                continue
            every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            count = sum(argument.arg not in ("self", "cls") for argument in every)
            if count > PARAMETERS_MAX:
                yield Place(module.path, node.lineno, f"{name}, {count} parameters")


def wide_records(found: Iterable[Module]) -> Iterator[Place]:
    """Dataclasses and named tuples: each annotated member is a parameter of a constructor that nobody wrote. Inherited ones
    are not counted.
    """
    for module in found:
        for name, node in _classes(module.tree):
            if not _is_record(node):
                continue
            fields = sum(isinstance(member, ast.AnnAssign) for member in node.body)
            if fields > PARAMETERS_MAX:
                yield Place(module.path, node.lineno, f"{name}, {fields} fields")


def large_classes(found: Iterable[Module]) -> Iterator[Place]:
    """Methods are all functions in a class's body: properties, private and special ones too."""
    for module in found:
        for name, node in _classes(module.tree):
            methods = sum(isinstance(member, Function) for member in node.body)
            if methods > METHODS_MAX:
                yield Place(module.path, node.lineno, f"{name}, {methods} methods")


def class_names(found: Iterable[Module]) -> dict[str, list[Place]]:
    """Every class by its bare name, private and nested ones too."""
    by_name: dict[str, list[Place]] = defaultdict(list)
    for module in found:
        for name, node in _classes(module.tree):
            by_name[node.name].append(Place(module.path, node.lineno, name))
    return by_name


def anys(module: Module, names: Collection[str] = ("Any",)) -> list[Place]:
    """Each `Any`, or another of these names, in an annotation of a parameter, a result or a variable. Quoted ones are not read: there are none, with
    `from __future__ import annotations`.
    """
    return [
        Place(module.path, node.lineno, node.id)
        for annotation in _annotations(module.tree)
        for node in ast.walk(annotation)
        if isinstance(node, ast.Name) and node.id in names
    ]


def public_names(module: Module) -> Iterator[tuple[Place, bool]]:
    """Public classes, functions and methods, each with whether it has a docstring. What is in a function, in a private class
    or special (`__str__`) is not public.
    """
    todo: list[tuple[str, ast.stmt]] = [("", node) for node in module.tree.body]
    while todo:
        within, node = todo.pop(0)
        if not isinstance(node, ast.ClassDef | Function) or node.name.startswith("_"):
            continue
        name = f"{within}{node.name}"
        yield Place(module.path, node.lineno, name), ast.get_docstring(node) is not None
        if isinstance(node, ast.ClassDef):
            todo += [(f"{name}.", member) for member in node.body]


def _ambiguous(name: str, found: Iterable[Module]) -> Figure:
    by_name = class_names(found)
    several = {one: places for one, places in by_name.items() if len(places) > 1}
    places = tuple(place for one in sorted(several) for place in several[one])
    return Figure(name, f"{len(several)} of {len(by_name)}", places)


def _aliases(found: Iterable[Module]) -> Iterator[str]:
    """Names that stand for `Any` or a mapping of it: they say what is in it, and no checker holds anybody to that."""
    for module in found:
        if module.path == "reconciler/core/values.py":
            for node in module.tree.body:
                if isinstance(node, ast.Assign) and "Any" in ast.unparse(node.value):
                    yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _density(name: str, found: Sequence[Module], names: Collection[str] = ("Any",)) -> Figure:
    lines = sum(module.lines for module in found)
    uses = {module.path: len(anys(module, names)) for module in found}
    worst = sorted((count, path) for path, count in uses.items() if count)[::-1]
    places = tuple(Place(path, 1, f"{count} times") for count, path in worst)
    total = sum(uses.values())
    return Figure(name, f"{1000 * total / max(lines, 1):.1f} ({total} in {lines} lines)", places)


def _documented(name: str, found: Iterable[Module], *, of_modules: bool = False) -> Figure:
    found = list(found)
    if of_modules:
        rows = [(Place(one.path, 1, "module"), ast.get_docstring(one.tree) is not None) for one in found]
    else:
        said = _said_by_bases(found)
        rows = [(place, have or place.says in said) for module in found for place, have in public_names(module)]
    without = tuple(place for place, documented in rows if not documented)
    have = len(rows) - len(without)
    return Figure(name, f"{100 * have / max(len(rows), 1):.0f} % ({have} of {len(rows)})", without)


def _said_by_bases(found: Iterable[Module]) -> set[str]:
    """Methods (`Class.method`) that a base class documents: an implementation need not say it again."""
    classes = {node.name: node for module in found for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)}

    def documented(name: str) -> set[str]:
        node = classes.get(name)
        if node is None:
            return set()
        own = {one.name for one in node.body if isinstance(one, Function) and ast.get_docstring(one)}
        return own.union(*(documented(base.id) for base in node.bases if isinstance(base, ast.Name)))

    return {f"{name}.{method}" for name in classes for method in documented(name)}


def _journey() -> Figure:
    name = "an alarm rolls back"
    try:
        from tests.support.journey import recorded, travelled  # noqa: PLC0415 # needs the requirements; counting does not

        visits = recorded()
    except (ImportError, RuntimeError) as error:
        return Figure(name, f"not counted, it runs a test: {error}")
    functions, files, returns = travelled(visits)
    places = tuple(Place(visit.path, visit.line, visit.function) for visit in visits)
    return Figure(name, f"{functions} functions in {files} files, {returns} returns", places)


def _under(found: Iterable[Module], *prefixes: str) -> list[Module]:
    return [module for module in found if module.path.startswith(prefixes)]


def _functions(tree: ast.Module) -> Iterator[tuple[str, Function]]:
    return ((name, node) for name, node in _named(tree) if isinstance(node, Function))


def _classes(tree: ast.Module) -> Iterator[tuple[str, ast.ClassDef]]:
    return ((name, node) for name, node in _named(tree) if isinstance(node, ast.ClassDef))


def _named(tree: ast.AST, within: str = "") -> Iterator[tuple[str, ast.ClassDef | Function]]:
    """Every class and function at whatever depth, with its dotted name, in the order of the file."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | Function):
            name = f"{within}{node.name}"
            yield name, node
            yield from _named(node, f"{name}.")
        else:
            yield from _named(node, within)


def _annotations(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
            yield node.annotation
        elif isinstance(node, Function) and node.returns:
            yield node.returns


def _is_record(node: ast.ClassDef) -> bool:
    decorators = [one.func if isinstance(one, ast.Call) else one for one in node.decorator_list]
    names = {one.id for one in [*decorators, *node.bases] if isinstance(one, ast.Name)}
    return bool(names & {"dataclass", "NamedTuple"})


if __name__ == "__main__":
    sys.exit(main())
