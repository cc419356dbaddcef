"""Paths that another reader takes for something else."""

from __future__ import annotations

from collections.abc import Iterator

from attacks.suite import writer as w
from attacks.suite.calls import AttackClass, Attempt, Twin
from attacks.suite.values import sent
from delegation.errors import Reason

REFUSED, INVALID = Reason.ARGUMENT_REFUSED, Reason.FIELD_INVALID


DOCS = w.sub_path("/srv/docs")


ESCAPES = {
    "a parent": "/srv/docs/../secret",
    "a parent at the end": "/srv/docs/..",
    "many parents": "/srv/docs/../../../../etc/passwd",
    "a parent right after the root": "/srv/docs/../docs/a",
    "the directory itself": "/srv/docs/./a",
    "the directory itself at the end": "/srv/docs/.",
    "an empty segment": "/srv/docs//a",
    "an empty segment in the root": "/srv//docs/a",
    "two slashes first": "//srv/docs/a",
    "a slash at the end": "/srv/docs/a/",
    "no slash first": "srv/docs/a",
    "a space first": " /srv/docs/a",
    "a NUL": "/srv/docs/a\0.txt",
    "a NUL at the end": "/srv/docs/a\0",
    "a line feed": "/srv/docs/a\n",
    "a carriage return and a line feed": "/srv/docs/a\r\nb",
    "a tab": "/srv/docs/\ta",
    "an escape": "/srv/docs/\x1b[2J",
    "a DEL": "/srv/docs/\x7f",
    "a C1 control": "/srv/docs/\x85a",
    "backslashes": "/srv/docs\\..\\secret",
    "a backslash for a slash": "/srv/docs/..\\x",
    "an encoded parent": "/srv/docs/%2e%2e/secret",
    "half an encoded parent": "/srv/docs/.%2E/secret",
    "an encoded slash": "/srv/docs/..%2fsecret",
    "an encoded NUL": "/srv/docs/a%00.txt",
    "encoded twice": "/srv/docs/%252e%252e/secret",
    "an encoded space": "/srv/docs/a%20b",
    "a sibling whose name begins the same": "/srv/docs2/a",
    "a sibling with a dot": "/srv/docs.bak",
    "the directory above": "/srv",
    "the root of all": "/",
    "nothing": "",
    "other letters": "/srv/Docs/a",
    "a URL": "file:///srv/docs/a",
    "a home": "~/srv/docs/a",
    "a drive": "C:/srv/docs/a",
}


ROOTS = {
    "no slash first": "srv",
    "two slashes": "//",
    "a parent": "/srv/..",
    "a dot": "/srv/./a",
    "an empty segment": "/srv//a",
    "a NUL": "/a\0",
    "an encoded parent": "/%2e%2e",
    "a backslash": "\\",
    "a slash at the end": "/srv/",
    "a line feed": "/srv\n",
}


def path_escapes() -> Iterator[Attempt]:
    wraps = {
        "": (lambda c: c, lambda v: v),
        ", in a list": (w.each, lambda v: [v]),
    }
    for name, path in ESCAPES.items():
        for how, (wrap, wrapped) in wraps.items():
            yield Attempt(f"{name}{how}", REFUSED, sent(wrap(DOCS), wrapped(path)), 0)
    for name in ("a parent", "an encoded parent", "backslashes", "two slashes first"):
        yield Attempt(f"{name}, below the root of all", REFUSED, sent(w.sub_path("/"), ESCAPES[name]), 0)
        forbidden = w.negation(w.sub_path("/srv/secret"))
        yield Attempt(f"{name}, where one directory is forbidden", REFUSED, sent(forbidden, ESCAPES[name]), 0)
    for name, root in ROOTS.items():
        yield Attempt(f"{name}, in the constraint", INVALID, sent(w.sub_path(root), "/srv/a"), 0)
    globs = {
        "a parent": "a/../b",
        "a dot": "a/./b",
        "a backslash": "a/\\b",
        "an encoded slash": "a/b%2fc",
        "a NUL": "a/b\0",
        "an empty segment": "a//",
        "a slash at the end": "a/b/",
    }
    for name, text in globs.items():
        yield Attempt(f"{name}, under a glob", REFUSED, sent(w.glob("a/**"), text), 0)
    patterns = {
        "two stars first": "**/a",
        "a star in a segment": "a*/b",
        "three stars": "a/***",
        "a parent": "a/../*",
        "two stars amid": "a/**/b",
    }
    for name, pattern in patterns.items():
        yield Attempt(f"a glob with {name}", INVALID, sent(w.glob(pattern), "a/b"), 0)


def ordinary_paths() -> Iterator[Twin]:
    ordinary = {
        "the directory": "/srv/docs",
        "a file": "/srv/docs/a/b/c.txt",
        "a hidden file": "/srv/docs/.hidden",
        "two dots and more": "/srv/docs/..hidden",
        "three dots": "/srv/docs/...",
        "a space": "/srv/docs/a b",
        "a percent sign": "/srv/docs/100%",
        "an umlaut": "/srv/docs/\u00e4",
        "other scripts": "/srv/docs/\u65e5\u672c",
        "a colon": "/srv/docs/a:b",
    }
    for name, path in ordinary.items():
        yield Twin(name, sent(DOCS, path))
    yield Twin("a path under a glob", sent(w.glob("a/**"), "a/b/c"))
    yield Twin("a path beside the forbidden one", sent(w.negation(w.sub_path("/srv/secret")), "/srv/docs"))


CLASSES = (AttackClass("path escapes", path_escapes, ordinary_paths),)
