"""Constraints that may be written and those that may not: SPEC section 5.3, and the normal forms of 5.1 in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.make import messages as m
from conformance.make.messages import SAFE, Fraction
from conformance.make.normal_forms import DECIMALS, EXPRESSIONS, HOSTS, NETWORKS, PATHS, URL_PATHS
from conformance.make.vector import NOT_CANONICAL, Area, Vector, accepted, packed, refused
from conformance.make.wire import delimited, number

INVALID = refused("field_invalid")
MANY = refused("too_many_values")
UNSUPPORTED = refused("constraint_unsupported")
DEEP = refused("nesting_too_deep")


def _vector(name: str, says: str, spec: str, constraint: bytes, expect: dict[str, Any]) -> Vector:
    given = {"message": "Constraint", "bytes": packed(constraint)}
    requires = ("re2",) if name.startswith("regex") else ()
    return Vector(f"constraint-{name}", "decode", says, tuple(spec.split()), given, expect, requires)


def _each(of: str, spec: str, *cases: tuple[str, bytes, dict[str, Any] | bool]) -> Iterator[Vector]:
    for name, constraint, outcome in cases:
        expect = (accepted() if outcome else INVALID) if isinstance(outcome, bool) else outcome
        yield _vector(
            f"{of}-{name}", f"A `{of.replace('-', '_')}`: {name.replace('-', ' ')}.", spec, constraint, expect
        )


def kinds() -> Iterator[Vector]:
    """S-9."""
    yield _vector("none", "A constraint without a kind.", "S-9", b"", UNSUPPORTED)
    yield _vector("in-each", "A list whose members' constraint has no kind.", "S-9", m.each(b""), UNSUPPORTED)
    yield _vector("in-any-of", "An alternative that has no kind.", "S-9", m.any_of(m.ANYTHING, b""), UNSUPPORTED)
    unknown = m.fields(m.argument("a", b""))
    yield _vector("in-fields", "A field whose constraint has no kind.", "S-9", unknown, UNSUPPORTED)
    absent = m.fields(m.argument("a", None))
    yield _vector("absent-in-fields", "A field without a constraint.", "S-9", absent, UNSUPPORTED)
    for field in (27, 28, 100):
        says = f"A kind {field}, which is not listed, is a field that nobody knows."
        yield _vector(f"unknown-{field}", says, "S-9 C-7", delimited(field, b""), refused(NOT_CANONICAL))
    yield from _each(
        "flag",
        "S-9 C-4",
        ("anything", m.ANYTHING, True),
        ("anything-false", number(1, 0), False),
        ("null", m.EXACT_NULL, True),
        ("null-false", number(2, 0), False),
        ("boolean-false", m.exact(False), True),
    )


def scalars() -> Iterator[Vector]:
    """Numbers and strings (S-3, S-11)."""
    yield from _each(
        "exact-integer",
        "S-11",
        ("largest", m.exact(SAFE), True),
        ("too-large", m.exact(SAFE + 1), False),
        ("smallest", m.exact(-SAFE), True),
        ("too-small", m.exact(-SAFE - 1), False),
        ("largest-64", m.exact(2**63 - 1), False),
    )
    yield from _each(
        "exact-string",
        "S-11",
        ("4096-bytes", m.exact("a" * 4096), True),
        ("4097-bytes", m.exact("a" * 4097), False),
        ("1365-three-byte-characters", m.exact("€" * 1365), True),
        ("1366-three-byte-characters", m.exact("€" * 1366), False),
        ("control-characters", m.exact("\0\n\x7f"), True),
    )
    for name, (text, good, integral) in DECIMALS.items():
        expect = accepted() if good and not integral else INVALID
        yield _vector(f"exact-decimal-{name}", f"The decimal {text[:20]!r}.", "S-3", delimited(6, text), expect)
        bound = accepted() if good else INVALID
        yield _vector(f"bound-{name}", f"The bound {text[:20]!r}.", "S-3 S-12", m.decimals(text), bound)


def sets() -> Iterator[Vector]:
    """Sets (S-11)."""
    half, quarter = Fraction("0.5"), Fraction("0.25")
    yield from _each(
        "one-of",
        "S-11",
        ("one", m.one_of("a"), True),
        ("mixed", m.one_of("", "a", -1, 3, quarter, half, True, False, None), True),
        ("none", m.one_of(), False),
        ("strings-unsorted", m.one_of("b", "a"), False),
        ("string-twice", m.one_of("a", "a"), False),
        ("utf8-order", m.one_of("\ufb33", "\U0001f600"), True),
        ("utf16-order", m.one_of("\U0001f600", "\ufb33"), False),
        ("integers-unsorted", m.one_of(2, 1), False),
        ("integers-descending-negative", m.one_of(-1, -2), False),
        ("integer-twice", m.one_of(1, 1), False),
        ("integer-too-large", m.one_of(SAFE + 1), False),
        ("decimals-by-value", m.one_of(Fraction("-0.5"), quarter, Fraction("10.5")), True),
        ("decimals-as-text", m.one_of(Fraction("10.5"), Fraction("9.5")), False),
        ("decimal-twice", m.one_of(half, half), False),
        ("decimal-not-normal", m.one_of(Fraction("0.50")), False),
        ("decimal-integer", m.one_of(Fraction("1")), False),
        ("1024", m.one_of(*range(1024)), True),
        ("1025", m.one_of(*range(1025)), MANY),
        ("1024-in-all", m.one_of("a", *range(1019), half, True, False, None), True),
        ("1025-in-all", m.one_of("a", *range(1020), half, True, False, None), MANY),
        ("string-4096-bytes", m.one_of("a" * 4096), True),
        ("string-4097-bytes", m.one_of("a" * 4097), False),
    )
    yield from _each(
        "not-one-of",
        "S-11",
        ("one", m.not_one_of("a"), True),
        ("mixed", m.not_one_of("a", 1, half, True, False), True),
        ("null", m.not_one_of(None), False),
        ("null-among-others", m.not_one_of("a", None), False),
        ("none", m.not_one_of(), False),
        ("unsorted", m.not_one_of("b", "a"), False),
        ("1025", m.not_one_of(*range(1025)), MANY),
    )
    for name, make in (("list-subset", m.list_subset), ("list-contains", m.list_contains)):
        yield from _each(
            name,
            "S-11",
            ("one", make("a"), True),
            ("null", make(None), True),
            ("none", make(), False),
            ("unsorted", make("b", "a"), False),
            ("1025", make(*range(1025)), MANY),
        )


def ranges() -> Iterator[Vector]:
    """Ranges and lengths (S-12)."""
    yield from _each(
        "integer-range",
        "S-12",
        ("both", m.integers(1, 5), True),
        ("minimum", m.integers(1), True),
        ("maximum", m.integers(None, 5), True),
        ("none", m.integers(), False),
        ("one-integer", m.integers(5, 5), True),
        ("empty", m.integers(6, 5), False),
        ("widest", m.integers(-SAFE, SAFE), True),
        ("minimum-too-small", m.integers(-SAFE - 1), False),
        ("maximum-too-large", m.integers(None, SAFE + 1), False),
    )
    for kind, make in (("decimal-range", m.decimals), ("decimal-text", m.decimal_text)):
        yield from _each(
            kind,
            "S-12",
            ("both", make("0.5", "1.5"), True),
            ("integers", make("0", "10"), True),
            ("minimum", make("0.5"), True),
            ("maximum", make("", "0.5"), True),
            ("none", make(), False),
            ("one-number", make("0.5", "0.5"), True),
            ("empty", make("0.6", "0.5"), False),
            ("empty-as-text", make("10", "9"), False),
            ("9-to-10", make("9", "10"), True),
            ("one-number-excluded-above", make("0.5", "0.5", above=True), False),
            ("one-number-excluded-below", make("0.5", "0.5", below=True), False),
            ("excluded", make("0.5", "0.6", above=True, below=True), True),
            ("exclusive-without-minimum", make("", "1", above=True), False),
            ("exclusive-without-maximum", make("1", "", below=True), False),
            ("far-outside", make("-" + "9" * 60, "9" * 60), True),
            ("not-normal", make("1.0"), False),
        )
    yield from _each(
        "length",
        "S-12",
        ("minimum", m.length(1), True),
        ("maximum", m.length(0, 5), True),
        ("empty-only", m.length(0, 0), True),
        ("exactly", m.length(5, 5), True),
        ("none", m.length(), False),
        ("empty", m.length(6, 5), False),
        ("largest", m.length(0, 2**32 - 1), True),
    )


def texts() -> Iterator[Vector]:
    """Paths, prefixes, globs, URLs, networks (S-13, S-18 to S-20)."""
    for name, (path, good) in PATHS.items():
        expect = accepted() if good else INVALID
        yield _vector(f"sub-path-{name}", f"The path {path[:30]!r}.", "S-4 S-13", m.under(path), expect)
    yield from _each(
        "sub-path",
        "S-13",
        ("4096-bytes", m.under("/" + "a" * 4095), True),
        ("4097-bytes", m.under("/" + "a" * 4096), False),
    )
    yield from _each(
        "prefix",
        "S-13",
        ("one", m.prefix("a"), True),
        ("anything", m.prefix("../\0"), True),
        ("empty", m.prefix(""), False),
        ("4096-bytes", m.prefix("a" * 4096), True),
        ("4097-bytes", m.prefix("a" * 4097), False),
    )
    separators = ".:,;|#~-_@=+&! "
    cases = [(f"separator-{ord(each):02x}", m.glob(f"a{each}b", each), True) for each in separators]
    wrong = {"slash": "/", "backslash": "\\", "percent": "%", "star": "*", "letter": "a", "digit": "1", "two": "::"}
    cases += [(f"separator-{name}", m.glob("x", each), False) for name, each in wrong.items()]
    cases += [("separator-not-ascii", m.glob("x", "·"), False), ("separator-nul", m.glob("x", "\0"), False)]
    yield from _each("segment-glob", "S-18", *cases)
    yield from _each(
        "segment-glob",
        "S-18",
        ("plain", m.glob("/srv/docs"), True),
        ("star", m.glob("/srv/*"), True),
        ("two-stars", m.glob("/*/docs/*"), True),
        ("rest", m.glob("/srv/**"), True),
        ("only-rest", m.glob("**"), True),
        ("only-star", m.glob("*"), True),
        ("rest-not-last", m.glob("/**/a"), False),
        ("star-in-piece", m.glob("/srv/*.txt"), False),
        ("star-before", m.glob("/srv/a*"), False),
        ("three-stars", m.glob("/srv/***"), False),
        ("empty-pattern", m.glob(""), False),
        ("two-slashes", m.glob("/a//b"), False),
        ("two-slashes-first", m.glob("//a"), False),
        ("slash-last", m.glob("/a/"), False),
        ("only-slash", m.glob("/"), False),
        ("empty-pieces-by-another-separator", m.glob("::a:", ":"), True),
        ("dot", m.glob("/srv/./a"), False),
        ("dots", m.glob("/srv/../a"), False),
        ("dots-by-another-separator", m.glob("a:..:b", ":"), False),
        ("slash-dots-by-another-separator", m.glob("../a:b", ":"), True),
        ("backslash", m.glob("a\\b"), False),
        ("percent", m.glob("a%2fb"), False),
        ("percent-alone", m.glob("100%/a"), True),
        ("control", m.glob("a\nb"), False),
        ("4096-bytes", m.glob("a" * 4096), True),
        ("4097-bytes", m.glob("a" * 4097), False),
    )
    yield from _urls()
    for name, (network, good) in NETWORKS.items():
        expect = accepted() if good else INVALID
        yield _vector(f"cidr-{name}", f"The network {network!r}.", "S-20 S-4", m.cidr(network), expect)


def _urls() -> Iterator[Vector]:
    yield from _each(
        "url",
        "S-19",
        ("plain", m.url(), True),
        ("schemes", m.url("http", "https"), True),
        ("schemes-unsorted", m.url("https", "http"), False),
        ("scheme-twice", m.url("https", "https"), False),
        ("scheme-upper-case", m.url("HTTPS"), False),
        ("scheme-empty", m.url(""), False),
        ("scheme-with-digit-first", m.url("1a"), False),
        ("scheme-plus", m.url("git+ssh"), True),
        ("scheme-colon", m.url("https:"), False),
        ("8-schemes", m.url(*(f"s{number}" for number in range(8))), True),
        ("9-schemes", m.url(*(f"s{number}" for number in range(9))), False),
        ("no-scheme", delimited(17, delimited(2, "example.org")), False),
        ("no-host", m.url(host=""), False),
        ("subdomains", m.url(subdomains=True), True),
        ("address", m.url(host="10.0.0.1"), True),
        ("address-with-subdomains", m.url(host="10.0.0.1", subdomains=True), False),
        ("port-1", m.url(port=1), True),
        ("port-65535", m.url(port=65535), True),
        ("port-0", m.url(port=0), False),
        ("port-65536", m.url(port=65536), False),
        ("port-443-https", m.url("https", port=443), False),
        ("port-80-https", m.url("https", port=80), True),
        ("port-80-http", m.url("http", port=80), False),
        ("port-443-http", m.url("http", port=443), True),
        ("port-443-of-two", m.url("http", "https", port=443), False),
        ("port-80-ws", m.url("ws", port=80), False),
        ("port-443-wss", m.url("wss", port=443), False),
        ("port-21-ftp", m.url("ftp", port=21), False),
        ("port-443-of-another-scheme", m.url("git", port=443), True),
        ("path-4096-bytes", m.url(path="/" + "a" * 4095), True),
        ("path-4097-bytes", m.url(path="/" + "a" * 4096), False),
        ("path-ends-with-slash", m.url(path="/a/"), False),
        ("path-slash", m.url(path="/"), True),
        ("path-with-query", m.url(path="/a?b"), False),
    )
    for name, (host, good) in HOSTS.items():
        expect = accepted() if good else INVALID
        yield _vector(f"url-host-{name}", f"The host {host[:40]!r}.", "S-19 S-4", m.url(host=host), expect)
    for name, (path, good) in URL_PATHS.items():
        if path and path == path.rstrip("/"):
            expect = accepted() if good else INVALID
            yield _vector(f"url-path-{name}", f"The path {path!r} of a URL.", "S-19 S-4", m.url(path=path), expect)


def expressions() -> Iterator[Vector]:
    """Regular expressions (S-21)."""
    for name, (expression, good) in EXPRESSIONS.items():
        expect = accepted() if good else INVALID
        yield _vector(f"regex-{name}", f"The expression {expression[:30]!r}.", "S-21", m.regex(expression), expect)


def composites() -> Iterator[Vector]:
    """Lists and objects by value, and what is inside of others (S-10, S-14, S-15, S-22, S-23)."""
    half = Fraction("0.5")
    yield from _each(
        "exact-composite",
        "S-15",
        ("list", m.exact(["a", 1, half, True, None, [], {}]), True),
        ("object", m.exact({"": 1, "a": [], "b": {}}), True),
        ("no-kind", delimited(7, b""), False),
        ("scalar", delimited(7, m.typed("a")), False),
        ("null", delimited(7, m.typed(None)), False),
        ("null-false", delimited(7, delimited(6, delimited(1, number(1, 0)))), False),
        ("member-of-no-kind", delimited(7, delimited(6, delimited(1, b""))), False),
        ("object-unsorted", m.exact({"b": 1, "a": 2}), False),
        ("object-name-twice", _object(("a", 1), ("a", 1)), False),
        ("object-utf8-order", m.exact({"\ufb33": 1, "\U0001f600": 2}), True),
        ("object-utf16-order", m.exact({"\U0001f600": 2, "\ufb33": 1}), False),
        ("integer-largest", m.exact([-SAFE, SAFE]), True),
        ("integer-too-large", m.exact([SAFE + 1]), False),
        ("decimal-not-normal", m.exact([Fraction("0.50")]), False),
        ("decimal-integer", m.exact([Fraction("2")]), False),
        ("string-4097-bytes", m.exact(["a" * 4097]), False),
        ("name-4097-bytes", m.exact({"a" * 4097: 1}), False),
        ("name-4096-bytes", m.exact({"a" * 4096: 1}), True),
        ("16-deep", m.exact(_nested(16)), True),
        ("17-deep", m.exact(_nested(17)), DEEP),
        ("16-deep-with-scalar", m.exact(_nested(15, 1)), True),
        ("17-deep-with-scalar", m.exact(_nested(16, 1)), DEEP),
    )
    yield from _each("nesting", "S-10", *_nestings())
    yield from _each("fields", "S-14 S-7 S-6", *_fields())
    yield from _each("negation", "S-22", *_negations())
    for kind, make in (("all-of", m.all_of), ("any-of", m.any_of)):
        yield from _each(
            kind,
            "S-23",
            ("one", make(m.ANYTHING), True),
            ("same-twice", make(m.exact(1), m.exact(1)), True),
            ("any-order", make(m.under("/b"), m.under("/a")), True),
            ("none", make(), False),
            ("64", make(*(m.exact(number) for number in range(64))), True),
            ("65", make(*(m.exact(number) for number in range(65))), MANY),
        )


def _object(*members: tuple[str, Any]) -> bytes:
    inner = (delimited(1, delimited(1, name) + delimited(2, m.typed(value))) for name, value in members)
    return delimited(7, delimited(7, b"".join(inner)))


def _nested(depth: int, *innermost: Any) -> Any:
    value: list[Any] = list(innermost)
    for _ in range(depth - 1):
        value = [value]
    return value


def _nestings() -> Iterator[tuple[str, bytes, dict[str, Any] | bool]]:
    for kind, wrap in (
        ("each", m.each),
        ("all-of", m.all_of),
        ("any-of", m.any_of),
        ("fields", lambda inner: m.fields(m.argument("a", inner))),
    ):
        for depth, expect in ((16, True), (17, DEEP), (20, DEEP)):
            constraint = m.exact(1)
            for _ in range(depth - 1):
                constraint = wrap(constraint)
            yield f"{kind}-{depth}", constraint, expect
    negated = m.negation(m.exact(1))
    for _ in range(14):
        negated = m.each(negated)
    yield "negation-16", negated, True
    yield "negation-17", m.each(negated), DEEP
    composite = m.exact(_nested(16))
    for _ in range(15):
        composite = m.each(composite)
    yield "composite-counts-by-itself", composite, True


def _fields() -> Iterator[tuple[str, bytes, dict[str, Any] | bool]]:
    def field(name: str) -> bytes:
        return m.argument(name, m.ANYTHING)

    yield "none", m.fields(), True
    yield "two", m.fields(field("a"), m.argument("b", m.ANYTHING, optional=True)), True
    yield "unsorted", m.fields(field("b"), field("a")), False
    yield "twice", m.fields(field("a"), field("a")), False
    yield "no-name", m.fields(field("")), False
    yield "name-with-control", m.fields(field("a\n")), False
    names = [f"{number:03}" for number in range(65)]
    yield "64", m.fields(*map(field, names[:64])), True
    yield "65", m.fields(*map(field, names)), refused("too_many_arguments")


def _negations() -> Iterator[tuple[str, bytes, dict[str, Any] | bool]]:
    half = Fraction("0.5")
    for name, inner, good in (
        ("anything", m.ANYTHING, False),
        ("exact-null", m.EXACT_NULL, False),
        ("exact-boolean", m.exact(False), True),
        ("exact-string", m.exact("a"), True),
        ("exact-integer", m.exact(1), True),
        ("exact-decimal", m.exact(half), True),
        ("exact-composite", m.exact([1]), True),
        ("one-of", m.one_of("a", 1), True),
        ("one-of-with-null", m.one_of("a", None), False),
        ("not-one-of", m.not_one_of("a"), False),
        ("integer-range", m.integers(1), True),
        ("decimal-range", m.decimals("1"), True),
        ("decimal-text", m.decimal_text("1"), True),
        ("length", m.length(1), True),
        ("prefix", m.prefix("a"), True),
        ("segment-glob", m.glob("/a/*"), True),
        ("sub-path", m.under("/a"), True),
        ("url", m.url(), True),
        ("cidr", m.cidr("10.0.0.0/8"), True),
        ("list-subset", m.list_subset("a"), True),
        ("list-contains", m.list_contains("a"), True),
        ("each", m.each(m.exact(1)), False),
        ("fields", m.fields(), False),
        ("negation", m.negation(m.exact(1)), False),
        ("all-of", m.all_of(m.exact(1)), False),
        ("any-of", m.any_of(m.exact(1)), False),
    ):
        yield f"of-{name}", m.negation(inner), good
    yield "of-no-kind", m.negation(b""), UNSUPPORTED


AREA = Area(
    "constraints",
    "Constraints that may be written, and those that may not.",
    [*kinds(), *scalars(), *sets(), *ranges(), *texts(), *expressions(), *composites()],
)
