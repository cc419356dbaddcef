"""Paths that another reader might take for something else are refused, never rewritten."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given

from delegation.core.constraints import Steps, SubPath, covers, under
from delegation.core.constraints.paths import is_normal_path
from delegation.errors import Malformed, Reason
from support.strategies import bounded, hostile_paths, normal_paths

ESCAPES = {
    "a parent": "/srv/docs/../secret",
    "a parent at the end": "/srv/docs/..",
    "many parents": "/srv/docs/../../../../etc/passwd",
    "a parent right after the root": "/srv/docs/../docs/a",
    "the directory itself": "/srv/docs/./a",
    "the directory itself at the end": "/srv/docs/.",
    "an empty segment": "/srv/docs//a",
    "an empty segment in the root": "/srv//docs/a",
    "a beginning of two slashes": "//srv/docs/a",
    "a slash at the end": "/srv/docs/a/",
    "the root with a slash": "/srv/docs/",
    "no slash at the beginning": "srv/docs/a",
    "a space before": " /srv/docs/a",
    "a NUL": "/srv/docs/a\0.txt",
    "a NUL at the end": "/srv/docs/a\0",
    "a line feed": "/srv/docs/a\n",
    "a carriage return": "/srv/docs/a\r\nb",
    "a tab": "/srv/docs/\ta",
    "an escape character": "/srv/docs/\x1b[2J",
    "a DEL": "/srv/docs/\x7f",
    "a C1 control": "/srv/docs/\x85a",
    "a backslash": "/srv/docs\\..\\secret",
    "a backslash for a slash": "/srv/docs/..\\x",
    "a percent-encoded parent": "/srv/docs/%2e%2e/secret",
    "half of it": "/srv/docs/.%2E/secret",
    "a percent-encoded slash": "/srv/docs/..%2fsecret",
    "a percent-encoded NUL": "/srv/docs/a%00.txt",
    "twice percent-encoded": "/srv/docs/%252e%252e/secret",
    "any percent-encoding": "/srv/docs/a%20b",
    "a sibling whose name begins the same": "/srv/docs2/a",
    "a sibling with a dot": "/srv/docs.bak",
    "the directory above": "/srv",
    "the root of all": "/",
    "nothing": "",
    "another case": "/srv/Docs/a",
    "a URL": "file:///srv/docs/a",
    "a home": "~/srv/docs/a",
    "a drive": "C:/srv/docs/a",
}


@pytest.mark.spec("S-4", "S-16")
@pytest.mark.parametrize("name", ESCAPES)
def test_a_path_is_refused_with(name: str):
    assert not under("/srv/docs").allows(ESCAPES[name], Steps())


@pytest.mark.parametrize(
    "path",
    [
        "/srv/docs",
        "/srv/docs/a",
        "/srv/docs/a/b/c.txt",
        "/srv/docs/.hidden",
        "/srv/docs/..hidden",
        "/srv/docs/...",
        "/srv/docs/a..b",
        "/srv/docs/a b",
        "/srv/docs/100%",
        "/srv/docs/50%zz",
        "/srv/docs/ä",
        "/srv/docs/日本語",
        "/srv/docs/~",
        "/srv/docs/a:b",
    ],
)
def test_an_ordinary_path_below_the_root_is_permitted(path: str):
    assert under("/srv/docs").allows(path, Steps())
    assert under("/").allows(path, Steps())


@pytest.mark.spec("S-4")
@given(hostile_paths)
@bounded(400)
def test_what_is_permitted_is_what_the_file_system_reads(path: str):
    for root in ("/", "/srv"):
        if under(root).allows(path, Steps()):
            assert posixpath.normpath(path) == path
            assert posixpath.commonpath([root, path]) == root
            assert "\0" not in path


@given(normal_paths, normal_paths)
@bounded(200)
def test_a_directory_is_within_another_exactly_if_its_root_is(parent: str, child: str):
    inside = posixpath.commonpath([parent, child]) == parent
    assert (covers(SubPath(parent), SubPath(child)) is None) == inside
    assert SubPath(parent).allows(child, Steps()) == inside


@pytest.mark.spec("S-13")
@pytest.mark.parametrize(
    "root", ["", "srv", "//", "/srv/..", "/srv/./a", "/srv//a", "/a\0", "/%2e%2e", "\\", "/" + "x" * 4096]
)
def test_a_root_that_is_not_in_normal_form_is_no_root(root: str):
    with pytest.raises(Malformed) as caught:
        under(root)
    assert caught.value.reason is Reason.FIELD_INVALID


def test_people_may_write_a_slash_at_the_end_of_a_root():
    assert under("/srv/docs/") == under("/srv/docs")
    assert under("/").root == "/"
    assert is_normal_path("/")
