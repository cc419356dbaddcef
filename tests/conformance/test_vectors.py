"""proto/vectors: the files are what their programs make, say nothing unknown, and are answered as they expect."""

from __future__ import annotations

import json
import re
from typing import Final

import jsonschema
import pytest

from conformance.answers import ANSWERS, answer
from conformance.make.areas import AREAS
from conformance.vectors import DIRECTORY, FILES, differences, vectors

VECTORS: Final = list(vectors())
SCHEMA: Final = json.loads((DIRECTORY / "schema.json").read_text())
HAVE: Final = frozenset({"re2"})
SPEC: Final = (DIRECTORY.parent / "SPEC.md").read_text()
README: Final = (DIRECTORY / "README.md").read_text()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_vector_is_answered_as_it_expects(vector):
    assert set(vector.get("requires", ())) <= HAVE
    assert differences(vector["expect"], answer(vector)) == [], vector["says"]


def test_there_are_enough_of_them_each_with_an_id_of_its_own():
    assert len(VECTORS) >= 400
    assert len({vector["id"] for vector in VECTORS}) == len(VECTORS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file_is_as_the_schema_says(path):
    validator = jsonschema.Draft202012Validator(SCHEMA)
    found = [
        f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(json.loads(path.read_text()))
    ]
    assert found == []


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.name)
def test_file_is_what_its_program_makes(area):
    assert area.path.read_text() == area.text()


def test_no_file_is_without_a_program():
    assert {path.stem for path in FILES} == {area.name for area in AREAS}


def test_files_are_small_enough_to_look_at():
    assert all(path.stat().st_size < 2_000_000 for path in FILES)


def test_every_requirement_that_a_vector_shows_stands_in_the_specification():
    defined = set(re.findall(r"\[([A-Z]-\d+)\](?!\()", SPEC))
    assert {each for vector in VECTORS for each in vector["spec"]} <= defined


def test_kinds_are_those_of_the_schema_and_of_the_readme():
    known = set(SCHEMA["$defs"]["vector"]["properties"]["kind"]["enum"])
    assert set(ANSWERS) == known == set(re.findall(r"^\| `([\w-]+)` \| .*$", README.split("## Kinds")[1], re.MULTILINE))
    assert {vector["kind"] for vector in VECTORS} == known


def test_every_kind_has_vectors_that_accept_and_that_refuse():
    for kind in {vector["kind"] for vector in VECTORS} - {"principal", "reason", "send"}:
        told = json.dumps([vector["expect"] for vector in VECTORS if vector["kind"] == kind])
        assert '"accepted"' in told, kind
        assert '"refused"' in told, kind


CHANGES: Final = {
    "member": lambda vector: vector.update(surprise=1),
    "input": lambda vector: vector["input"].update(surprise=1),
    "expectation": lambda vector: vector["expect"].update(surprise={}),
    "kind": lambda vector: vector.update(kind="surprise"),
    "requirement": lambda vector: vector.update(requires=["surprise"]),
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("kind", ANSWERS)
def test_what_is_unknown_in_a_vector_fails(kind, what):
    vector = json.loads(json.dumps(next(each for each in VECTORS if each["kind"] == kind)))
    CHANGES[what](vector)
    document = {"format": 1, "area": "a", "says": "s", "vectors": [vector]}
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(document)
