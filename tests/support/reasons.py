"""The reasons that conditions and Events may carry, found in the source: CamelCase words that end up as a `reason`.

The walk starts at whatever is called `reason` (a parameter, a field, a property, a variable, a key) and goes back to the
literals that reach it: through constants, either side of a condition, local variables, parameters, and what functions of the
package return. Methods are matched by their bare names, so it goes too far rather than not far enough. It goes through no
attribute of another name: what is handed on as a reason is called `reason`. A reason that is put together
(`f"Rollout{result}"`) is found as the pattern `Rollout*`.

It knows no file by name, so a kind may be moved or split as it likes. Used by `reference.py`.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from tests.support.style import Function, Module

_REASON = "reason"
_WORD = re.compile(r"[A-Z][a-z]+[A-Za-z]*")
_PATTERN = re.compile(r"(?=.*[a-z]{3})[A-Za-z]*\*[A-Za-z]*")
_EVERY_ELEMENT = -1


class Found(NamedTuple):
    """A reason or a pattern of reasons, and the file that holds the literal."""

    reason: str
    path: str


def reasons(modules: Iterable[Module]) -> set[Found]:
    """All that the modules give, whatever carries it: conditions, Events, rejections, errors."""
    package = _Package()
    for module in modules:
        package.learn(_Scope(module.path, module.tree))
    return package.reasons()


@dataclass(frozen=True)
class _Scope:
    """A module, a class or a function, and what it is in."""

    path: str
    node: ast.Module | ast.ClassDef | Function
    outer: _Scope | None = None

    @property
    def is_function(self) -> bool:
        return isinstance(self.node, Function)

    def own_nodes(self) -> Iterator[ast.AST]:
        """What is in it, but not in the classes and functions inside it."""
        todo = [*ast.iter_child_nodes(self.node)]
        while todo:
            node = todo.pop()
            yield node
            if not isinstance(node, ast.ClassDef | Function):
                todo += ast.iter_child_nodes(node)

    def results(self) -> Iterator[_Value]:
        """What a function returns or yields."""
        for node in self.own_nodes():
            if isinstance(node, ast.Return | ast.Yield) and node.value:
                yield _Value(self, node.value)


@dataclass(frozen=True)
class _Value:
    """An expression where it stands; with an index, that element of it."""

    scope: _Scope
    expression: ast.expr
    index: int | None = None

    def of(self, expression: ast.expr) -> _Value:
        return replace(self, expression=expression)

    def element(self, index: int | None) -> _Value:
        """An element of what is no element itself."""
        return self if index is None or self.index is not None else replace(self, index=index)


@dataclass(frozen=True)
class _Signature:
    """What a call by that name may be about: a function, or a class's constructor."""

    name: str
    scope: _Scope
    parameters: tuple[str, ...]
    """Without `self` and `cls`."""


@dataclass
class _Package:
    signatures: dict[str, list[_Signature]] = field(default_factory=lambda: defaultdict(list))
    functions: dict[Function, _Signature] = field(default_factory=dict)
    calls: dict[str, list[tuple[_Scope, ast.expr, ast.Call]]] = field(default_factory=lambda: defaultdict(list))
    variables: dict[str, list[_Value]] = field(default_factory=lambda: defaultdict(list))
    """By name what is assigned, anywhere."""
    imports: dict[tuple[str, str], str] = field(default_factory=dict)
    """By file and name where the name comes from."""
    todo: list[_Value] = field(default_factory=list)
    asked: set[tuple[ast.AST, str]] = field(default_factory=set)

    def learn(self, scope: _Scope) -> None:
        self._sign(scope)
        for node in scope.own_nodes():
            if isinstance(node, ast.ClassDef | Function):
                self.learn(_Scope(scope.path, node, scope))
            elif isinstance(node, ast.Call):
                for function in _functions(scope, node):
                    self.calls[_bare(function)].append((scope, function, node))
            elif isinstance(node, ast.ImportFrom) and node.module:
                home = f"{node.module.replace('.', '/')}.py"
                self.imports |= {(scope.path, alias.asname or alias.name): home for alias in node.names}
            for target, value in _assigned(scope, node):
                self._bind(target, value)

    def reasons(self) -> set[Found]:
        found: set[Found] = set()
        seen: set[tuple[ast.expr, int | None]] = set()
        self.todo += self.variables[_REASON]
        self.todo += [value for one in self.signatures[_REASON] for value in one.scope.results()]
        for signature in [one for several in self.signatures.values() for one in several]:
            if _REASON in signature.parameters:
                self._ask(signature, _REASON)
        while self.todo:
            value = self.todo.pop()
            if (value.expression, value.index) not in seen:
                seen.add((value.expression, value.index))
                found |= {Found(word, value.scope.path) for word in self._words(value)}
        return found

    def _sign(self, scope: _Scope) -> None:
        node = scope.node
        if isinstance(node, ast.ClassDef):
            fields = [member.target for member in node.body if isinstance(member, ast.AnnAssign)]
            names = tuple(target.id for target in fields if isinstance(target, ast.Name))
            self.signatures[node.name].append(_Signature(node.name, scope, names))
        elif isinstance(node, Function):
            every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            names = tuple(argument.arg for argument in every if argument.arg not in ("self", "cls"))
            within = scope.outer.node if scope.outer else None
            name = within.name if node.name == "__init__" and isinstance(within, ast.ClassDef) else node.name
            self.functions[node] = _Signature(name, scope, names)
            self.signatures[name].append(self.functions[node])

    def _bind(self, target: ast.expr, value: _Value) -> None:
        match target:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                self.variables[name].append(value)
            case ast.Tuple(elts=elements):
                for index, element in enumerate(elements):
                    self._bind(element, value.element(index))

    def _ask(self, signature: _Signature, parameter: str) -> None:
        """Look at everything that calls hand to this parameter, and at its default."""
        if (signature.scope.node, parameter) in self.asked:
            return
        self.asked.add((signature.scope.node, parameter))
        position = signature.parameters.index(parameter)
        for scope, function, call in self.calls[signature.name]:
            if signature in self._called(scope, function):
                self.todo += _arguments(scope, call, position, parameter)
        if isinstance(node := signature.scope.node, Function):
            self.todo += [_Value(signature.scope, one) for name, one in _defaults(node) if name == parameter]

    def _called(self, scope: _Scope, function: ast.expr) -> list[_Signature]:
        """What a call may be about: by a plain name what this module defines or imports, else whatever is called so."""
        every = self.signatures.get(_bare(function), [])
        if not isinstance(function, ast.Name):
            return every
        home = self.imports.get((scope.path, function.id), scope.path)
        return [one for one in every if one.scope.path == home] or every

    def _words(self, value: _Value) -> Iterator[str]:
        """The words that an expression is; what else it may be is to be looked at."""
        match value.expression:
            case ast.Constant(value=str() as text) if value.index is None and _WORD.fullmatch(text):
                yield text
            case ast.JoinedStr(values=parts):
                text = "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in parts)
                if _PATTERN.fullmatch(text):
                    yield text
            case ast.IfExp(body=one, orelse=other):
                self.todo += [value.of(one), value.of(other)]
            case ast.BoolOp(values=several):
                self.todo += [value.of(one) for one in several]
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                chosen = elements if value.index == _EVERY_ELEMENT else elements[value.index or 0 :][:1]
                self.todo += [_Value(value.scope, one) for one in chosen]
            case ast.Dict(values=several) if value.index == _EVERY_ELEMENT:
                self.todo += [_Value(value.scope, one) for one in several]
            case ast.Subscript(value=inner, slice=ast.Constant(value=int() as index)):
                self.todo.append(_Value(value.scope, inner, index))
            case ast.Subscript(value=ast.Name(id=name) as table) if name.isupper():
                self.todo.append(_Value(value.scope, table, _EVERY_ELEMENT))
            case ast.Name(id=name):
                self._variable(value, name)
            case ast.Attribute(attr=name) if name.isupper():
                self._constant(value, name)
            case ast.Call(func=function, args=arguments):
                self._result(value, function, arguments)

    def _variable(self, value: _Value, name: str) -> None:
        scope: _Scope | None = value.scope
        while scope and isinstance(scope.node, Function):
            local = [one for one in self.variables[name] if one.scope is scope]
            self.todo += [one.element(value.index) for one in local]
            signature = self.functions[scope.node]
            if name in signature.parameters:
                self._ask(signature, name)
            if local or name in signature.parameters:
                return
            scope = scope.outer
        self._constant(value, name)

    def _constant(self, value: _Value, name: str) -> None:
        """Of this module, or else of whatever module has one of that name."""
        constants = [one for one in self.variables[name] if not one.scope.is_function]
        near = [one for one in constants if one.scope.path == value.scope.path]
        self.todo += [one.element(value.index) for one in near or constants]

    def _result(self, value: _Value, function: ast.expr, arguments: list[ast.expr]) -> None:
        name = _bare(function)
        if name in ("str", "next"):
            self.todo += [value.of(one) for one in arguments]
            return
        match function:
            case ast.Attribute(value=ast.Name(id=table) as tabled, attr="get") if table.isupper():
                self.todo.append(_Value(value.scope, tabled, _EVERY_ELEMENT))
                self.todo += [value.of(one) for one in arguments[1:]]
                return
        for signature in self._called(value.scope, function):
            if signature.scope.is_function:
                self.todo += [one.element(value.index) for one in signature.scope.results()]


def _functions(scope: _Scope, call: ast.Call) -> list[ast.expr]:
    """What is called; `super().__init__` is the constructor of a base."""
    within = scope.outer.node if scope.outer else None
    match call.func:
        case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="__init__") if isinstance(
            within, ast.ClassDef
        ):
            return within.bases
    return [call.func]


def _assigned(scope: _Scope, node: ast.AST) -> Iterator[tuple[ast.expr, _Value]]:
    """Targets and what they get; a key of a dictionary and an argument by keyword count as targets."""
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((target, _Value(scope, value)) for target in targets)
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
            yield target, _Value(scope, value)
        case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
            elements = value.elts if isinstance(value, ast.Tuple | ast.List) else []
            yield from ((target, _Value(scope, element)) for element in elements)
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant) and key.value == _REASON:
                    yield ast.Name(_REASON), _Value(scope, value)
        case ast.keyword(arg="reason", value=value):
            yield ast.Name(_REASON), _Value(scope, value)


def _arguments(scope: _Scope, call: ast.Call, position: int, name: str) -> Iterator[_Value]:
    for number, argument in enumerate(call.args[: position + 1]):
        if isinstance(argument, ast.Starred):
            yield _Value(scope, argument.value, position - number)
            return
        if number == position:
            yield _Value(scope, argument)
    yield from (_Value(scope, keyword.value) for keyword in call.keywords if keyword.arg == name)


def _defaults(node: Function) -> Iterator[tuple[str, ast.expr]]:
    positional = [*node.args.posonlyargs, *node.args.args]
    pairs = [*zip(positional[::-1], node.args.defaults[::-1], strict=False)]
    pairs += [(one, value) for one, value in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if value]
    return ((argument.arg, value) for argument, value in pairs)


def _bare(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
