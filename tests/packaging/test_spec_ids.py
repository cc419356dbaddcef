"""Every requirement of proto/SPEC.md is shown by a test or a conformance vector, and none is shown that is not there.

A test carries the ids of the requirements whose violation it would find: `@pytest.mark.spec("V-4", "K-7")` on the test,
in the module's `pytestmark`, or among the `marks` of a `pytest.param`. A vector carries them in its `spec`.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
SPEC = (ROOT / "proto" / "SPEC.md").read_text()
DEFINED = frozenset(re.findall(r"\[([A-Z]-\d+)\](?!\()", SPEC))


class Shown(NamedTuple):
    """One place that carries the id of a requirement."""

    identity: str
    where: str


# -- marks ---------------------------------------------------------------------------------------------------


def is_mark(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and ast.unparse(node) == "pytest.mark.spec"


def marks_in(nodes: list[ast.expr]) -> Iterator[ast.Call]:
    for node in chain.from_iterable(map(ast.walk, nodes)):
        if isinstance(node, ast.Call) and is_mark(node.func):
            yield node


def counted(tree: ast.Module) -> Iterator[ast.Call]:
    """Give the marks that pytest gives to a test: on it or its class, in `pytestmark`, and of a `pytest.param`."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if name.startswith("test_"):
                yield from (each for each in node.decorator_list if isinstance(each, ast.Call) and is_mark(each.func))
            case ast.Assign(targets=[ast.Name("pytestmark")], value=value):
                yield from marks_in([value])
            case ast.Call(keywords=keywords) if ast.unparse(node.func) == "pytest.param":
                yield from marks_in([each.value for each in keywords if each.arg == "marks"])


def ids_of(mark: ast.Call) -> list[str]:
    return [ast.literal_eval(argument) for argument in mark.args]


SOURCES = {path: ast.parse(path.read_text()) for path in sorted(TESTS.rglob("test_*.py"))}


def by_tests() -> Iterator[Shown]:
    for path, tree in SOURCES.items():
        for mark in counted(tree):
            where = f"{path.relative_to(ROOT)}:{mark.lineno}"
            yield from (Shown(identity, where) for identity in ids_of(mark))


def by_vectors() -> Iterator[Shown]:
    for path in sorted((ROOT / "proto" / "vectors").glob("*.json")):
        for vector in json.loads(path.read_text()).get("vectors", ()):
            yield from (Shown(identity, f"{path.stem}: {vector['id']}") for identity in vector["spec"])


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(TESTS)))
def test_every_mark_is_one_of_a_test_and_names_requirements_once(path):
    marks = [node for node in ast.walk(SOURCES[path]) if is_mark(node)]
    used = list(counted(SOURCES[path]))
    assert len(marks) == len(used), "a mark that pytest gives to no test"
    for mark in used:
        assert not mark.keywords
        assert ids_of(mark)
        assert len(set(ids_of(mark))) == len(mark.args)


def test_marks_are_found_wherever_pytest_takes_them_from():
    source = """
pytestmark = [pytest.mark.spec("A-1"), pytest.mark.slow]
@pytest.mark.parametrize("x", [
    pytest.param(1, marks=pytest.mark.spec("A-2")),
    pytest.param(2, marks=[pytest.mark.spec("A-3")]),
])
@pytest.mark.spec("A-4", "A-5")
def test_it(x): ...
@pytest.mark.spec("A-6")
async def test_that(): ...
@pytest.mark.spec("A-7")
def no_test(): ...
UNUSED = pytest.mark.spec("A-8")
"""
    found = sorted(identity for mark in counted(ast.parse(source)) for identity in ids_of(mark))
    assert found == ["A-1", "A-2", "A-3", "A-4", "A-5", "A-6"]


# -- both ways -----------------------------------------------------------------------------------------------


def test_every_requirement_is_shown_by_a_test_or_a_vector():
    assert len(DEFINED) > 100
    shown = {each.identity for each in chain(by_tests(), by_vectors())}
    assert sorted(DEFINED - shown) == []


def test_nothing_is_shown_that_is_no_requirement():
    assert [each for each in chain(by_tests(), by_vectors()) if each.identity not in DEFINED] == []
