"""Every field of a link against the link before it: SPEC section 5.4. Pairs of constraints are the area `covers`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from conformance.make import messages as m
from conformance.make.keys import ALICE, fixed
from conformance.make.messages import SAFE, T0_MS, Fraction
from conformance.make.tokens import chain, handoff, line
from conformance.make.vector import Area, Vector
from conformance.make.verifying import Asking

ASK = Asking("narrowing")
PARENT, CHILD = line("alice", "bob")


def _field(name: str, says: str, spec: str, good: bool, field: str = "", **child: Any) -> Vector:
    link = replace(CHILD, **child)
    if good:
        return ASK.good(name, says, spec, chain(PARENT, link), link)
    return ASK.bad(name, says, spec, chain(PARENT, link), "scope_grew", link=1, field=field)


def fields() -> Iterator[Vector]:
    """The fields that have a rule, and those that are free."""
    end, begin = PARENT.expires_at_ms, PARENT.not_before_ms
    for name, by, good in (
        ("later", 1, False),
        ("much-later", 10**12, False),
        ("equal", 0, True),
        ("earlier", -1, True),
    ):
        says = f"It expires {by} ms after its parent."
        yield _field(f"expires-{name}", says, "N-5 V-10", good, "expires_at_ms", expires_at_ms=end + by)
    for name, by, good in (
        ("earlier", -1, False),
        ("much-earlier", -begin + 1, False),
        ("equal", 0, True),
        ("later", 1, True),
    ):
        says = f"It begins {by} ms after its parent."
        yield _field(f"begins-{name}", says, "N-5 V-10", good, "not_before_ms", not_before_ms=begin + by)
    for depth, good in ((8, False), (9, False), (2**32 - 1, False), (7, True), (0, True)):
        says = f"A remaining depth of {depth} under one of 8."
        yield _field(f"depth-{depth}", says, "N-5 V-10", good, "remaining_depth", remaining_depth=depth)
    trace = {"trace_id": fixed("t"), "span_id": fixed("s", 8)}
    for name, child in (
        ("issued-before", {"issued_at_ms": 1}),
        ("issued-after", {"issued_at_ms": SAFE}),
        ("nonce", {"nonce": fixed("another nonce")}),
        ("purpose", {"purpose": "Delete everything"}),
        ("trace", trace),
        ("holder-key", {"holder_key": ALICE.public}),
        ("holder-agent", {"holder_agent": "urn:somebody:else"}),
    ):
        yield _field(
            f"free-{name}", f"{name.replace('-', ' ').capitalize()} may be what it likes.", "V-10 V-21", True, **child
        )


# -- scopes --------------------------------------------------------------------------------------------------


def _scopes(name: str, says: str, spec: str, parent: bytes, child: bytes, *, good: bool) -> Vector:
    first = replace(PARENT, scope=parent)
    second = replace(CHILD, scope=child)
    if good:
        return ASK.good(name, says, spec, chain(first, second), second)
    return ASK.bad(name, says, spec, chain(first, second), "scope_grew", link=1, field="scope")


def _read(*arguments: bytes) -> bytes:
    return m.capability("files", "read", *arguments)


SEARCH = m.capability("web", "search", m.ANY_ARGUMENTS)
PATH = m.listed("path", m.under("/srv"))
LIMIT = m.listed("limit", m.integers(1, 100))
MAYBE = m.listed("limit", m.integers(1, 100), optional=True)


def scopes() -> Iterator[Vector]:
    """Capabilities, one for each pair of audience and tool."""
    one, two = m.scope(_read(PATH)), m.scope(_read(PATH), SEARCH)
    write = m.capability("files", "write", PATH)
    for name, says, good, parent, child in (
        ("equal", "The same scope.", True, two, two),
        ("less", "One capability of two.", True, two, one),
        ("nothing", "Nothing at all.", True, two, b""),
        ("nothing-of-nothing", "Nothing of nothing.", True, b"", b""),
        ("something-of-nothing", "Something of nothing.", False, b"", one),
        ("more", "A capability more.", False, one, two),
        ("another-tool", "Another tool of the audience.", False, one, m.scope(write)),
        ("another-audience", "The tool of another audience.", False, one, m.scope(m.capability("disks", "read", PATH))),
        ("upper-case", "The tool in another spelling.", False, one, m.scope(m.capability("files", "Read", PATH))),
        ("exchanged", "Audience and tool exchanged.", False, one, m.scope(m.capability("read", "files", PATH))),
    ):
        yield _scopes(f"scope-{name}", says, "N-5 V-10", parent, child, good=good)


def arguments() -> Iterator[Vector]:
    """Arguments of a capability (N-1 to N-4)."""
    any_arguments = _read(m.ANY_ARGUMENTS)
    none = _read()
    for name, says, spec, good, parent, child in (
        ("any-of-any", "Any arguments of any.", "N-4", True, any_arguments, any_arguments),
        ("some-of-any", "Listed arguments of any.", "N-4", True, any_arguments, _read(PATH)),
        ("none-of-any", "No arguments of any.", "N-4", True, any_arguments, none),
        ("any-of-some", "Any arguments of listed ones.", "N-4", False, _read(PATH), any_arguments),
        ("any-of-none", "Any arguments of none.", "N-4", False, none, any_arguments),
        ("none-of-none", "No arguments of none.", "N-1", True, none, none),
        ("more", "An argument more.", "N-1", False, _read(PATH), _read(LIMIT, PATH)),
        ("optional-more", "An optional argument more.", "N-1", False, _read(PATH), _read(MAYBE, PATH)),
        ("another", "Another argument.", "N-1", False, _read(PATH), _read(LIMIT)),
        ("required-left-out", "A required argument is not listed.", "N-2", False, _read(LIMIT, PATH), _read(PATH)),
        ("optional-left-out", "An optional argument is not listed.", "N-2", True, _read(MAYBE, PATH), _read(PATH)),
        ("required-now-optional", "What is required is optional now.", "N-2", False, _read(LIMIT), _read(MAYBE)),
        ("optional-now-required", "What is optional is required now.", "N-2", True, _read(MAYBE), _read(LIMIT)),
        ("optional-still", "What is optional is so still.", "N-2", True, _read(MAYBE), _read(MAYBE)),
        (
            "covered",
            "A constraint within the parent's.",
            "N-3",
            True,
            _read(PATH),
            _read(m.listed("path", m.under("/srv/a"))),
        ),
        (
            "not-covered",
            "A constraint beyond the parent's.",
            "N-3",
            False,
            _read(PATH),
            _read(m.listed("path", m.under("/"))),
        ),
        (
            "anything",
            "Anything in place of a constraint.",
            "N-3",
            False,
            _read(PATH),
            _read(m.listed("path", m.ANYTHING)),
        ),
        (
            "swapped",
            "Two constraints exchanged.",
            "N-3",
            False,
            _read(LIMIT, PATH),
            _read(_named("limit", "/srv"), _count("path")),
        ),
    ):
        yield _scopes(f"arguments-{name}", says, spec, m.scope(parent), m.scope(child), good=good)


def _named(name: str, path: str) -> bytes:
    return m.listed(name, m.under(path))


def _count(name: str) -> bytes:
    return m.listed(name, m.integers(1, 100))


# -- constraints ---------------------------------------------------------------------------------------------

HALF, QUARTER = Fraction("0.5"), Fraction("0.25")
KINDS = {
    # kind: the parent's constraint, one within it, one that is not
    "anything": (m.ANYTHING, m.exact("x"), None),
    "exact-null": (m.EXACT_NULL, m.one_of(None), m.exact(False)),
    "exact-boolean": (m.exact(True), m.one_of(True), m.exact(False)),
    "exact-string": (m.exact("a"), m.one_of("a"), m.exact("b")),
    "exact-integer": (m.exact(5), m.integers(5, 5), m.exact(6)),
    "exact-decimal": (m.exact(HALF), m.decimals("0.5", "0.5"), m.exact(QUARTER)),
    "exact-composite": (m.exact([1]), m.exact([1]), m.exact([2])),
    "one-of": (m.one_of("a", "b"), m.exact("a"), m.one_of("a", "c")),
    "not-one-of": (m.not_one_of("a"), m.not_one_of("a", "b"), m.not_one_of("b")),
    "integer-range": (m.integers(1, 9), m.integers(2, 8), m.integers(0, 8)),
    "decimal-range": (m.decimals("1", "9"), m.decimals("1.5", "8"), m.decimals("0.5", "8")),
    "decimal-text": (m.decimal_text("1", "9"), m.exact("5.00"), m.decimal_text("1", "9.01")),
    "length": (m.length(1, 9), m.length(2, 8), m.length(1, 10)),
    "prefix": (m.prefix("/srv"), m.under("/srv/a"), m.prefix("/sr")),
    "segment-glob": (m.glob("/srv/*"), m.glob("/srv/a"), m.glob("/srv/**")),
    "sub-path": (m.under("/srv"), m.glob("/srv/*"), m.under("/")),
    "url": (m.url("https"), m.url("https", path="/a"), m.url("http")),
    "cidr": (m.cidr("10.0.0.0/8"), m.cidr("10.1.0.0/16"), m.cidr("11.0.0.0/8")),
    "list-subset": (m.list_subset("a", "b"), m.list_subset("a"), m.list_subset("a", "c")),
    "list-contains": (m.list_contains("a"), m.list_contains("a", "b"), m.list_contains("b")),
    "each": (m.each(m.integers(1)), m.list_subset(1, 2), m.each(m.integers(0))),
    "fields": (m.fields(m.argument("a", m.integers(1))), m.exact({"a": 1}), m.fields(m.argument("b", m.exact(1)))),
    "regex": (m.regex("a+"), m.one_of("a", "aa"), m.regex("a*")),
    "negation": (m.negation(m.under("/a")), m.under("/b"), m.under("/a/b")),
    "all-of": (m.all_of(m.prefix("/a"), m.length(0, 9)), m.exact("/a/b"), m.prefix("/a")),
    "any-of": (m.any_of(m.under("/a"), m.under("/b")), m.under("/b/c"), m.under("/c")),
}


def constraints() -> Iterator[Vector]:
    """One constraint of each kind in a token (N-3); every pair of kinds is in the area `pairs`."""
    for kind, (parent, within, beyond) in KINDS.items():
        for name, child in (("within", within), ("beyond", beyond)):
            if child is not None:
                scopes_ = [m.scope(_read(m.listed("value", each))) for each in (parent, child)]
                says = f"A constraint {name} a {kind.replace('-', '_')} of the parent."
                made = _scopes(f"{kind}-{name}", says, "N-3 V-10", *scopes_, good=name == "within")
                yield made._replace(requires=("re2",)) if kind == "regex" else made


# -- conditions ----------------------------------------------------------------------------------------------


def _refund(*conditions: bytes) -> bytes:
    return m.scope(m.capability("billing", "refund", m.listed("amount", m.integers(0, 500)), *conditions))


ANN, BEN, EVE = "ann", "ben", "eve"


def conditions() -> Iterator[Vector]:
    """Conditions (N-9)."""
    calls, budget, approval = m.call_count, m.budget, m.approval
    for name, says, good, parent, child in (
        ("none-of-none", "No condition.", True, (), ()),
        ("added", "A condition more than the parent has.", True, (), (calls(3),)),
        ("calls-equal", "As many calls.", True, (calls(3),), (calls(3),)),
        ("calls-fewer", "Fewer calls.", True, (calls(3),), (calls(2),)),
        ("calls-more", "More calls.", False, (calls(3),), (calls(4),)),
        ("calls-dropped", "The number of calls is not limited any more.", False, (calls(3),), ()),
        ("budget-equal", "The same budget.", True, (budget("amount", "50"),), (budget("amount", "50"),)),
        ("budget-less", "Less.", True, (budget("amount", "50"),), (budget("amount", "49.99"),)),
        ("budget-more", "More.", False, (budget("amount", "50"),), (budget("amount", "50.01"),)),
        ("budget-more-digits", "9 is less than 50.", True, (budget("amount", "50"),), (budget("amount", "9"),)),
        ("budget-other", "A budget on another argument.", False, (budget("amount", "50"),), (budget("count", "1"),)),
        ("budget-dropped", "The budget is gone.", False, (budget("amount", "50"),), ()),
        ("budget-by-calls", "Calls in place of a budget.", False, (budget("amount", "50"),), (calls(1),)),
        ("approval-equal", "The same approval.", True, (approval(1, ANN, BEN),), (approval(1, ANN, BEN),)),
        ("approval-fewer", "Fewer may approve.", True, (approval(1, ANN, BEN),), (approval(1, BEN),)),
        ("approval-higher", "More must approve.", True, (approval(1, ANN, BEN),), (approval(2, ANN, BEN),)),
        ("approval-lower", "Fewer must approve.", False, (approval(2, ANN, BEN),), (approval(1, ANN, BEN),)),
        ("approval-somebody-else", "Somebody else may approve.", False, (approval(1, ANN),), (approval(1, EVE),)),
        ("approval-one-more", "Somebody more may approve.", False, (approval(1, ANN),), (approval(1, ANN, EVE),)),
        ("approval-dropped", "Nobody need approve any more.", False, (approval(1, ANN),), ()),
        ("approval-two-by-one", "One approval serves two demands.", True, *_two_by_one()),
        ("all-kept", "All conditions, and stricter.", True, *_all(True)),
        ("one-of-many-dropped", "One of many conditions is gone.", False, *_all(False)),
    ):
        yield _scopes(f"condition-{name}", says, "N-9 V-10", _refund(*parent), _refund(*child), good=good)
    any_child = m.scope(m.capability("billing", "refund", m.ANY_ARGUMENTS, m.call_count(1)))
    any_parent = m.scope(m.capability("billing", "refund", m.ANY_ARGUMENTS, m.call_count(2)))
    yield _scopes(
        "condition-any-arguments", "Conditions count where any arguments do.", "N-9", any_parent, any_child, good=True
    )
    dropped = m.scope(m.capability("billing", "refund", m.ANY_ARGUMENTS))
    yield _scopes(
        "condition-any-dropped",
        "A condition is gone where any arguments are permitted.",
        "N-9",
        any_parent,
        dropped,
        good=False,
    )


def _two_by_one() -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    parent = (m.approval(1, ANN, BEN), m.approval(1, ANN, EVE))
    return parent, (m.approval(1, ANN),)


def _all(kept: bool) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    budgets = (m.budget("amount", "50"), m.budget("count", "9"))
    parent = (m.call_count(5), *budgets, m.approval(1, ANN, BEN))
    child = (m.call_count(4), *(budgets if kept else budgets[1:]), m.approval(1, ANN))
    return parent, child


def chains() -> Iterator[Vector]:
    """Along a chain."""
    first = replace(PARENT, scope=m.scope(_read(PATH), SEARCH))
    second = replace(CHILD, scope=m.scope(SEARCH))
    third = handoff("carol", scope=m.scope(_read(PATH), SEARCH), remaining_depth=6)
    yield ASK.bad(
        "regained",
        "A link asks for what the grant permits, but not the link before.",
        "V-10 N-5",
        chain(first, second, third),
        "scope_grew",
        link=2,
        field="scope",
    )
    shorter = replace(CHILD, expires_at_ms=T0_MS + 120_000)
    longer = handoff("carol", scope=third.scope, remaining_depth=6, expires_at_ms=T0_MS + 120_001)
    yield ASK.bad(
        "outlives",
        "A link outlives the one before it, not the grant.",
        "V-10 N-5",
        chain(PARENT, shorter, longer),
        "scope_grew",
        link=2,
        field="expires_at_ms",
    )


AREA = Area(
    "narrowing",
    "That a link permits no more than the one before it, field by field.",
    [*fields(), *scopes(), *arguments(), *constraints(), *conditions(), *chains()],
)
