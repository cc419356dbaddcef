"""Deciding calls: SPEC section 8."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from conformance.make import messages as m
from conformance.make.tokens import NOW_MS, TRUST, chain, line
from conformance.make.vector import Area, Data, Vector, accepted, packed, refused, text

YES = accepted()
Outcome = tuple[str, int] | None


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def call(  # noqa: PLR0917 - a row of a table
    name: str, says: str, spec: str, scopes: Sequence[bytes], arguments: Any, outcome: Outcome = None, **given: Any
) -> Vector:
    """Ask about `files.read` under a chain of one link for each scope; `outcome`: reason and link, if it is refused."""
    names = ("alice", "bob", "carol", "dave")[: len(scopes)]
    links = [replace(link, scope=scope) for link, scope in zip(line(*names), scopes, strict=True)]
    content: Data = text(arguments if isinstance(arguments, str) else _canonical(arguments))
    if isinstance(arguments, list):
        content = arguments
    asked = {
        "token": packed(chain(*links).token, longest=16_384),
        "now_ms": NOW_MS,
        "trust": TRUST,
        "audience": given.pop("audience", "files"),
        "tool": given.pop("tool", "read"),
        "arguments": content,
        "defaults": text(_canonical(given.pop("defaults", {}))),
    }
    assert not given
    expect = YES if outcome is None else refused(outcome[0], link=outcome[1])
    requires = ("re2",) if "regex" in name else ()
    return Vector(f"authorize-{name}", "authorize", says, tuple(spec.split()), asked, expect, requires)


def read(*fields: bytes) -> bytes:
    """Give a scope of `files.read` with these arguments and conditions."""
    return m.scope(m.capability("files", "read", *fields))


PATH = m.listed("path", m.under("/srv"))
LIMIT = m.listed("limit", m.integers(1, 100), optional=True)
BOTH = read(LIMIT, PATH)
DOCS = read(LIMIT, m.listed("path", m.under("/srv/docs")))
ANY = read(m.ANY_ARGUMENTS)


def capabilities() -> Iterator[Vector]:
    """Which tool (A-2)."""
    path = {"path": "/srv/a"}
    yield call("permitted", "A call that the grant permits.", "A-1 A-2", [BOTH], path)
    unknown = ("tool_not_permitted", 0)
    yield call("another-tool", "Another tool.", "A-2", [BOTH], path, unknown, tool="write")
    yield call("another-audience", "Another audience.", "A-2", [BOTH], path, unknown, audience="disks")
    yield call("tool-in-upper-case", "The tool in another spelling.", "A-2", [BOTH], path, unknown, tool="READ")
    yield call("exchanged", "Audience and tool exchanged.", "A-2", [BOTH], path, unknown, audience="read", tool="files")
    yield call("empty-scope", "A link that permits nothing.", "A-2", [b""], path, unknown)
    dropped = m.scope(m.capability("web", "search", m.ANY_ARGUMENTS))
    wide = m.scope(m.capability("files", "read", PATH), m.capability("web", "search", m.ANY_ARGUMENTS))
    yield call(
        "dropped-by-handoff",
        "The handoff has dropped the tool.",
        "A-1",
        [wide, dropped],
        path,
        ("tool_not_permitted", 1),
    )


def arguments() -> Iterator[Vector]:
    """Which arguments (A-2)."""
    yield call("optional-given", "An optional argument is given.", "A-2", [BOTH], {"limit": 5, "path": "/srv"})
    yield call("missing", "A required argument is missing.", "A-2", [BOTH], {"limit": 5}, ("argument_missing", 0))
    yield call("refused", "A value that is not allowed.", "A-2", [BOTH], {"path": "/etc"}, ("argument_refused", 0))
    yield call(
        "optional-refused",
        "An optional argument that is given has to be allowed.",
        "A-2",
        [BOTH],
        {"limit": 0, "path": "/srv"},
        ("argument_refused", 0),
    )
    yield call(
        "null-is-given", "Null is a value.", "A-2", [BOTH], {"limit": None, "path": "/srv"}, ("argument_refused", 0)
    )
    yield call(
        "unexpected",
        "An argument that is not listed.",
        "A-2",
        [BOTH],
        {"follow": True, "path": "/srv"},
        ("argument_unexpected", 0),
    )
    yield call(
        "another-spelling",
        "A listed argument in another spelling.",
        "A-2",
        [BOTH],
        {"Path": "/srv"},
        ("argument_missing", 0),
    )
    yield call("none-of-none", "No arguments where none is listed.", "A-2", [read()], {})
    yield call(
        "some-of-none", "An argument where none is listed.", "A-2", [read()], {"a": 1}, ("argument_unexpected", 0)
    )
    yield call("any", "Any arguments.", "A-2", [ANY], {"a": [1], "b": None})
    yield call("any-and-none", "Any arguments: none.", "A-2", [ANY], {})
    for name, says, sent, reason in (
        (
            "refused-before-missing",
            "In the order of names, limit is refused before path is missed.",
            {"limit": 0},
            "argument_refused",
        ),
        ("missing-before-unexpected", "What is missing comes before what is unexpected.", {"x": 1}, "argument_missing"),
        (
            "refused-before-unexpected",
            "What is refused comes before what is unexpected.",
            {"a": 1, "path": "/"},
            "argument_refused",
        ),
    ):
        yield call(name, says, "A-2", [BOTH], sent, (reason, 0))
    two = read(m.listed("a", m.exact(1)), m.listed("b", m.exact(1)))
    yield call(
        "missing-before-refused",
        "In the order of names: a is missing before b is refused.",
        "A-2",
        [two],
        {"b": 2},
        ("argument_missing", 0),
    )


def links() -> Iterator[Vector]:
    """Every link is asked (A-1)."""
    yield call("two-links", "Both links permit it.", "A-1", [BOTH, DOCS], {"path": "/srv/docs/a"})
    yield call(
        "second-refuses",
        "The grant permits it, the handoff does not.",
        "A-1",
        [BOTH, DOCS],
        {"path": "/srv/a"},
        ("argument_refused", 1),
    )
    yield call(
        "first-is-named",
        "Neither permits it: the first is named.",
        "A-1",
        [BOTH, DOCS],
        {"path": "/etc"},
        ("argument_refused", 0),
    )
    yield call(
        "third-refuses",
        "Only the third refuses.",
        "A-1",
        [BOTH, BOTH, DOCS],
        {"path": "/srv/a"},
        ("argument_refused", 2),
    )
    required = read(m.listed("limit", m.integers(1, 10)), PATH)
    yield call(
        "required-by-second",
        "What the grant leaves optional, the handoff requires.",
        "A-1",
        [BOTH, required],
        {"path": "/srv"},
        ("argument_missing", 1),
    )
    without = read(PATH)
    yield call(
        "dropped-by-second",
        "An optional argument that the handoff does not list.",
        "A-1",
        [BOTH, without],
        {"limit": 5, "path": "/srv"},
        ("argument_unexpected", 1),
    )
    yield call(
        "any-then-some", "Any arguments, then listed ones.", "A-1", [ANY, BOTH], {"x": 1}, ("argument_missing", 1)
    )


def conditions() -> Iterator[Vector]:
    """A condition is not met (A-2)."""
    unmet = "condition_unmet"
    for name, condition in (
        ("calls", m.call_count(5)),
        ("budget", m.budget("limit", "5")),
        ("approval", m.approval(1, "ann")),
    ):
        scope = read(LIMIT, PATH, condition)
        says = f"A capability with a condition ({name})."
        yield call(f"condition-{name}", says, "A-2", [scope], {"path": "/srv"}, (unmet, 0))
        yield call(f"condition-{name}-by-handoff", says, "A-2", [BOTH, scope], {"path": "/srv"}, (unmet, 1))
    scope = read(m.ANY_ARGUMENTS, m.call_count(5))
    yield call(
        "condition-any-arguments", "A condition where any arguments are permitted.", "A-2", [scope], {}, (unmet, 0)
    )
    other = m.scope(
        m.capability("files", "read", PATH), m.capability("files", "write", m.ANY_ARGUMENTS, m.call_count(1))
    )
    yield call("condition-of-another-tool", "A condition on another tool.", "A-2", [other], {"path": "/srv"})
    scope = read(LIMIT, PATH, m.call_count(5))
    yield call(
        "condition-before-arguments",
        "The condition comes before the arguments.",
        "A-2",
        [scope],
        {"path": "/etc"},
        (unmet, 0),
    )


def defaults() -> Iterator[Vector]:
    """Defaults of the tool (A-4)."""
    path = {"path": "/srv/a"}
    yield call("default-allowed", "The default is allowed.", "A-4", [BOTH], path, defaults={"limit": 50})
    yield call(
        "default-refused",
        "The default is not allowed.",
        "A-4",
        [BOTH],
        path,
        ("argument_refused", 0),
        defaults={"limit": 500},
    )
    yield call(
        "default-not-used",
        "What was sent counts, not the default.",
        "A-4",
        [BOTH],
        {"limit": 5, "path": "/srv"},
        defaults={"limit": 500},
    )
    yield call(
        "default-of-required", "A default for a required argument.", "A-4", [BOTH], {}, defaults={"path": "/srv/a"}
    )
    yield call(
        "default-of-required-refused",
        "One that is not allowed.",
        "A-4",
        [BOTH],
        {},
        ("argument_refused", 0),
        defaults={"path": "/etc"},
    )
    yield call(
        "default-unlisted",
        "A default that nobody lists is the tool's own affair.",
        "A-4",
        [BOTH],
        path,
        defaults={"follow": True},
    )
    yield call(
        "default-of-second",
        "The handoff is asked about it, too.",
        "A-4",
        [BOTH, read(m.listed("limit", m.integers(1, 10), optional=True), PATH)],
        path,
        ("argument_refused", 1),
        defaults={"limit": 50},
    )
    yield call(
        "default-unlisted-by-second",
        "A link that does not list the argument is not asked.",
        "A-4",
        [BOTH, read(PATH)],
        path,
        defaults={"limit": 50},
    )
    yield call("default-any-arguments", "Any arguments permit any default.", "A-4", [ANY], {}, defaults={"limit": 5000})
    yield call(
        "default-null", "Null is a default.", "A-4", [BOTH], path, ("argument_refused", 0), defaults={"limit": None}
    )


def steps() -> Iterator[Vector]:
    """Counting (A-5)."""
    exhausted = "evaluation_exhausted"
    # A capability takes listed and given arguments: 1 + 1. `each` takes the list's members.
    numbers = read(m.listed("n", m.each(m.integers(0))))
    for name, count, links_, outcome in (
        # Two links: 2 * (2 + 4,094) = 8,192.
        ("two-links", 4_094, 2, None),
        # Three links: 3 * (2 + 2,728) = 8,190; one member more makes 8,193.
        ("three-links", 2_728, 3, None),
        ("three-links-exhausted", 2_729, 3, (exhausted, 2)),
    ):
        value = '{"n":[' + ",".join(["1"] * count) + "]}"
        says = f"{count} members, {links_} links."
        yield call(f"steps-{name}", says, "A-5", [numbers] * links_, _list(value), outcome)
    # Two all_of take 2 for each member: 2 + 2,730 + 2 * 2,730 = 8,192; 2,731 members make 8,195.
    twice = read(m.listed("n", m.each(m.all_of(m.integers(0), m.integers(None, 9)))))
    for count, outcome in ((2_730, None), (2_731, (exhausted, 0))):
        value = '{"n":[' + ",".join(["1"] * count) + "]}"
        says = f"8,192 steps, or three more: {count} members."
        yield call(f"steps-all-of-{count}", says, "A-5", [twice], _list(value), outcome)
    yield from _further_steps()


def _list(value: str) -> Data:
    head, rest = value.split("[")
    members = rest.count(",")
    return [text(head + "["), {"repeat": text("1,"), "times": members}, text("1]}")]


def _further_steps() -> Iterator[Vector]:
    exhausted = "evaluation_exhausted"
    # exact_composite: 16 branches of an any_of take 16 steps, each the 21 values in its own value: 352 for a member.
    unlike = [[*range(19), number] for number in range(100, 116)]
    lists = read(m.listed("n", m.each(m.any_of(*map(m.exact, unlike)))))
    # 2 + 23 + 23 * 352 = 8,121; with 24 of them 8,474.
    for count, outcome in ((23, None), (24, (exhausted, 0))):
        says = f"An any_of whose last branch is the value, {count} times."
        yield call(f"steps-composites-{count}", says, "A-5", [lists], {"n": unlike[-1:] * count}, outcome)
    # The first branch that allows it ends the work: 2 + 190 + 190 * (16 + 21) = 7,222.
    yield call("steps-first-branch", "The first branch says yes.", "A-5", [lists], {"n": unlike[:1] * 190})
    # Of a value of another type the branches take nothing: 2 + 1,000 + 16, and the first member ends the work.
    yield call(
        "steps-other-type", "No branch fits the type.", "A-5", [lists], {"n": ["x"] * 1_000}, ("argument_refused", 0)
    )
    # sub_path: 3,200 characters divided by 64 are 50 steps.
    paths = read(m.listed("n", m.each(m.under("/"))))
    long = "/" + "a" * 3_199
    body: Data = [text('{"n":["' + long + '"'), {"repeat": text(f',"{long}"'), "times": 49}, text("]}")]
    # 50 paths: 2 + 50 + 50 * 50 = 2,552 a link; three links take 7,656, four 10,208.
    yield call("steps-paths", "Long paths under three links.", "A-5", [paths] * 3, body)
    yield call("steps-paths-exhausted", "Under four.", "A-5", [paths] * 4, body, (exhausted, 3))
    # regex: weight 200, 64 bytes: 8 + 200 * (2 + 1) = 608 steps; 13 of them 2 + 13 + 7,904 = 7,919, 14 8,528.
    heavy = read(m.listed("n", m.each(m.regex("a{0,200}"))))
    for count, outcome in ((13, None), (14, (exhausted, 0))):
        says = f"{count} strings of 64 characters, an expression of weight 200."
        yield call(f"steps-regex-{count}", says, "A-5", [heavy], {"n": ["a" * 64] * count}, outcome)
    # fields: 2 listed and 2 given, 4 steps for each object.
    point = m.fields(m.argument("x", m.integers(0)), m.argument("y", m.integers(0)))
    objects = read(m.listed("n", m.each(point)))
    # 1,365 of them are 4,096 values, and take 2 + 1,365 + 4 * 1,365 = 6,827 steps.
    body = [text('{"n":['), {"repeat": text('{"x":1,"y":2},'), "times": 1_364}, text('{"x":1,"y":2}]}')]
    yield call("steps-fields", "Objects with two fields.", "A-5", [objects], body)
    wide = m.fields(*(m.argument(f"{each:02}", m.ANYTHING, optional=True) for each in range(64)))
    sparse = read(m.listed("n", m.each(wide)))
    # 64 listed and none given: 2 + 126 + 64 * 126 = 8,192; with 127 of them 8,257.
    for count, outcome in ((126, None), (127, (exhausted, 0))):
        body = [text('{"n":['), {"repeat": text("{},"), "times": count - 1}, text("{}]}")]
        yield call(
            f"steps-optional-fields-{count}", "Empty objects with 64 listed fields.", "A-5", [sparse], body, outcome
        )


AREA = Area(
    "authorize",
    "Which calls a chain permits.",
    [*capabilities(), *arguments(), *links(), *conditions(), *defaults(), *steps()],
)
