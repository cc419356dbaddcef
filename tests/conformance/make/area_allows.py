"""Which value each kind of constraint allows: SPEC section 5.3."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from conformance.make import messages as m
from conformance.make.messages import SAFE, Fraction
from conformance.make.normal_forms import ADDRESSES, DECIMAL_TEXTS, HOSTS, PATHS, URL_PATHS
from conformance.make.vector import Area, Data, Vector, accepted, packed, refused, repeated, text

HALF = Fraction("0.5")


def _vector(name: str, spec: str, constraint: bytes, value: Any, *, yes: bool, says: str = "") -> Vector:
    content = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()
    shown = content.decode()
    said = says or f"{'Allowed' if yes else 'Not allowed'}: {shown[:60]}"
    given = {
        "constraint": packed(constraint),
        "value": text(shown) if len(shown) < 200 else packed(content, longest=200),
    }
    requires = ("re2",) if "regex" in name else ()
    return Vector(f"allows-{name}", "allows", said, tuple(spec.split()), given, accepted(allows=yes), requires)


def _table(of: str, spec: str, constraint: bytes, good: tuple[Any, ...], bad: tuple[Any, ...]) -> Iterator[Vector]:
    for outcome, values in (("yes", good), ("no", bad)):
        for number, value in enumerate(values, 1):
            yield _vector(f"{of}-{outcome}-{number}", spec, constraint, value, yes=outcome == "yes")


def scalars() -> Iterator[Vector]:
    """Exact values, sets, numbers."""
    everything = (None, True, False, 0, 1, -1.5, "", "a", [], {}, [1], {"a": 1})
    yield from _table("anything", "S-16", m.ANYTHING, everything, ())
    yield from _table("null", "S-16", m.EXACT_NULL, (None,), (False, 0, "", "null", [], {}))
    yield from _table("true", "S-16", m.exact(True), (True,), (False, 1, "true", None, [True]))
    yield from _table("false", "S-16", m.exact(False), (False,), (True, 0, "", None, "false"))
    yield from _table("string", "S-16", m.exact("5"), ("5",), (5, "5 ", "05", "\uff15", "", ["5"], None))
    yield from _table("composed", "S-16", m.exact("\u00e9"), ("\u00e9",), ("e\u0301", "\u00c9"))
    yield from _table("empty-string", "S-16", m.exact(""), ("",), (None, " ", False, []))
    yield from _table("integer", "S-16 S-1", m.exact(5), (5, b"5.0", b"0.5e1"), ("5", 6, 5.5, -5, [5], True, None))
    yield from _table("zero", "S-16 S-1", m.exact(0), (0, b"-0", b"-0.0", b"0.0"), (False, "", None, "0", 0.5))
    yield from _table("one", "S-16", m.exact(1), (1, b"1.0"), (True, "1", [1]))
    yield from _table("decimal", "S-16 S-1", m.exact(HALF), (0.5, b"0.50", b"5e-1"), ("0.5", 0.25, 1, -0.5, None))
    yield from _table(
        "tenth", "S-1", m.exact(Fraction("0.1")), (b"0.1", b"0.1000000000000000055"), (b"0.10000000000000002",)
    )
    yield from _table("largest", "S-1", m.exact(SAFE), (SAFE,), (SAFE - 1, -SAFE))
    mixed = m.one_of("", "5", 1, HALF, True, None)
    yield from _table(
        "one-of", "S-16", mixed, ("", "5", 1, 0.5, True, None), (5, "1", "0.5", False, 0, [], {}, [1], "true")
    )
    excluded = m.not_one_of("5", 1, True)
    yield from _table(
        "not-one-of", "S-16", excluded, ("", "1", 5, 0.5, False, "true"), ("5", 1, b"1.0", True, None, [], {}, ["a"])
    )
    yield from _table("not-one-of-strings", "S-16", m.not_one_of("a"), ("b", "", "A"), ("a", 1, True, None, []))
    yield from _table("not-one-of-integers", "S-16", m.not_one_of(7), (8, 7.5, -7), (7, "8", True, None))
    yield from _table("not-one-of-decimals", "S-16", m.not_one_of(HALF), (8, 0.25), (0.5, "8", True, None))
    yield from _table("not-one-of-true", "S-16", m.not_one_of(True), (False,), (True, 0, "false", None))


def numbers() -> Iterator[Vector]:
    """Ranges."""
    wrong = ("5", True, None, [5], {"a": 5})
    yield from _table(
        "integer-range", "S-16", m.integers(1, 10), (1, 10, 5, b"10.0"), (0, 11, -1, 5.5, b"10.5", *wrong)
    )
    yield from _table("integer-minimum", "S-16", m.integers(1), (1, SAFE), (0, -SAFE, 1.5, "1"))
    yield from _table("integer-maximum", "S-16", m.integers(None, 0), (0, -SAFE, b"-0.0"), (1, 0.5, -0.5, False))
    yield from _table(
        "decimal-range", "S-16", m.decimals("0.5", "10"), (0.5, 10, 1, 9.99, b"10.0"), (0.49, 10.01, 0, 11, *wrong)
    )
    outside = m.decimals("0.5", "10", above=True, below=True)
    yield from _table("decimal-range-exclusive", "S-16", outside, (0.51, 9.99, 1), (0.5, 10, b"10.0", 0))
    far = m.decimals("-99999999999999999999", "99999999999999999999.5")
    yield from _table("decimal-range-far", "S-12", far, (SAFE, -SAFE, 0.5), ("0",))
    precise = m.decimals("0.30000000000000002")
    yield from _table("decimal-range-precise", "S-1", precise, (b"0.30000000000000004", 1), (b"0.3",))
    bounds = m.decimal_text("0", "10")
    for name, (content, good, inside) in DECIMAL_TEXTS.items():
        yield _vector(f"decimal-text-{name}", "S-16", bounds, content, yes=good and inside)
    yield from _table("decimal-text", "S-16", bounds, (), (5, 5.5, None, True, ["5"]))
    outside = m.decimal_text("0.5", "10", above=True, below=True)
    yield from _table("decimal-text-exclusive", "S-16", outside, ("0.51", "9.99", "1"), ("0.5", "0.50", "10", "10.00"))


def lengths() -> Iterator[Vector]:
    """Lengths and prefixes."""
    short = m.length(1, 3)
    yield from _table(
        "length",
        "S-16",
        short,
        ("a", "abc", "😀😀😀", [1], [1, 2, 3]),
        ("", "abcd", "😀" * 4, [], [1] * 4, 2, None, {"a": 1}),
    )
    yield from _table("length-minimum", "S-16", m.length(2), ("ab", "e\u0301", [1, 2]), ("a", "\u00e9", [1]))
    yield from _table("length-none", "S-16", m.length(0, 0), ("", []), ("a", [1], {}, None))
    yield from _table(
        "prefix",
        "S-16",
        m.prefix("/srv"),
        ("/srv", "/srv/a", "/srvx", "/srv/../etc"),
        ("/sr", "srv", "", " /srv", "/SRV", 1, None, ["/srv"]),
    )
    yield from _table("prefix-composed", "S-16", m.prefix("\u00e9"), ("\u00e9a",), ("e\u0301a", "e"))


def paths() -> Iterator[Vector]:
    """Sub-paths and globs."""
    for name, (path, good) in PATHS.items():
        yield _vector(f"sub-path-root-{name}", "S-4 S-16", m.under("/"), path, yes=good)
    yield from _table(
        "sub-path",
        "S-4 S-16",
        m.under("/srv/docs"),
        ("/srv/docs", "/srv/docs/a", "/srv/docs/a/b.txt", "/srv/docs/..."),
        (
            "/srv",
            "/srv/docsx",
            "/srv/doc",
            "/srv/docs/",
            "/srv/docs/../x",
            "/srv//docs",
            "/Srv/docs/a",
            "srv/docs",
            1,
            None,
            ["/srv/docs"],
        ),
    )
    yield from _table(
        "glob",
        "S-16 S-18",
        m.glob("/srv/*/docs"),
        ("/srv/a/docs", "/srv/.../docs", "/srv/*/docs", "/srv/a b/docs", "/srv/\u200b/docs", "/srv/\u00a0/docs"),
        (
            "/srv/docs",
            "/srv//docs",
            "/srv/a/b/docs",
            "/srv/a/docs/",
            "srv/a/docs",
            "/srv/./docs",
            "/srv/../docs",
            "/srv/a\\b/docs",
            "/srv/%2e/docs",
            "/srv/a\n/docs",
            1,
        ),
    )
    yield from _table(
        "glob-rest",
        "S-16 S-18",
        m.glob("/srv/**"),
        ("/srv/a", "/srv/a/b/c", "/srv/**"),
        ("/srv", "/srv/", "/srv//a", "/srv/a/", "/srv/a//b", "/srv/a/../b", "/etc/a", None),
    )
    yield from _table("glob-star", "S-16 S-18", m.glob("*"), ("a", "a.b", "*"), ("", "a/b", "/a", ".", ".."))
    yield from _table("glob-only-rest", "S-16 S-18", m.glob("**"), ("a", "a/b"), ("", "/a", "a/", "a//b", "a/.."))
    yield from _table("glob-exact", "S-16 S-18", m.glob("::a:", ":"), ("::a:",), (":a:", "::a", "a", "::a::"))
    yield from _table(
        "glob-colons",
        "S-16 S-18",
        m.glob("urn:*:**", ":"),
        ("urn:a:b", "urn:a/b:c:d", "urn:../x:y"),
        ("urn:a", "urn::b", "urn:a:", "urn:..:b", "URN:a:b"),
    )
    yield from _table(
        "glob-dots",
        "S-16 S-18",
        m.glob("*.example.org", "."),
        ("a.example.org",),
        ("example.org", "a.b.example.org", ".example.org", "A.example.com"),
    )


def urls() -> Iterator[Vector]:
    """URLs."""
    plain = m.url("https", host="example.org")
    for name, (path, good) in URL_PATHS.items():
        yield _vector(
            f"url-path-{name}", "S-4 S-16", plain, f"https://example.org{path}", yes=good and not path.startswith("a")
        )
    for name, (host, good) in HOSTS.items():
        if good:
            yield _vector(f"url-host-{name}", "S-4 S-16", m.url("https", host=host), f"https://{host}/a", yes=True)
    yield from _table(
        "url",
        "S-4 S-16",
        plain,
        (
            "https://example.org",
            "https://example.org/",
            "https://example.org/a/b?c=d&e=%20",
            "https://example.org/?q",
            "https://example.org/?a/../b",
        ),
        (
            "http://example.org",
            "HTTPS://example.org",
            "https://Example.org",
            "https://example.org.",
            "https://example.org:443",
            "https://example.org:8443",
            "https://example.org:",
            "https://www.example.org",
            "https://example.org.evil.test",
            "https://evil.test/example.org",
            "https://example.org@evil.test",
            "https://user@example.org",
            "https://user:pass@example.org",
            "https://example.org#a",
            "https://example.org/#",
            "https://example.org/a?b#c",
            "https://example.org\\@evil.test",
            "https:///example.org",
            "https:/example.org",
            "https:example.org",
            "//example.org",
            "example.org",
            "https://example.org?q",
            "https://example.org?@evil.test/",
            "https://example.org/a?b?c d",
            "https://example.org/a?%zz",
            "https://example.org/a?%2f",
            "https://example.org\n",
            " https://example.org",
            "https://example.org/\u202e",
            "https://ex\u00e4mple.org",
            "https://",
            "",
            1,
            None,
            ["https://example.org"],
        ),
    )
    yield _vector("url-two-question-marks", "S-16", plain, "https://example.org/a?b?c", yes=True)
    wide = m.url("http", "https", host="example.org", subdomains=True, port=8443, path="/api")
    yield from _table(
        "url-wide",
        "S-16 S-19",
        wide,
        ("http://example.org:8443/api", "https://a.b.example.org:8443/api/x?y", "https://a.example.org:8443/api?x"),
        (
            "https://example.org/api",
            "https://example.org:443/api",
            "https://example.org:08443/api",
            "https://example.org:8443",
            "https://example.org:8443/",
            "https://example.org:8443/apis",
            "https://example.org:8443/API",
            "https://badexample.org:8443/api",
            "https://.example.org:8443/api",
            "ftp://example.org:8443/api",
        ),
    )
    yield _vector("url-wide-slash-last", "S-16 S-19", wide, "https://example.org:8443/api/", yes=True)
    root = m.url("https", path="/")
    yield from _table(
        "url-root",
        "S-16 S-19",
        root,
        ("https://example.org", "https://example.org/", "https://example.org/a"),
        ("https://example.com/",),
    )
    for name, port, yes in (("largest", "65535", True), ("too-large", "65536", False), ("zero", "0", False)):
        wanted = m.url("https", port=65535)
        yield _vector(f"url-port-{name}", "S-16", wanted, f"https://example.org:{port}", yes=yes)


def addresses() -> Iterator[Vector]:
    """Addresses."""
    four, six = m.cidr("10.0.0.0/8"), m.cidr("2001:db8::/32")
    for name, (address, good, in_four, in_six) in ADDRESSES.items():
        yield _vector(f"cidr-4-{name}", "S-4 S-16", four, address, yes=good and in_four)
        if ":" in address or good:
            yield _vector(f"cidr-6-{name}", "S-4 S-16", six, address, yes=good and in_six)
    yield from _table(
        "cidr-all-4", "S-16", m.cidr("0.0.0.0/0"), ("0.0.0.0", "255.255.255.255"), ("::", "::1", "0", 0, None)
    )
    yield from _table(
        "cidr-all-6",
        "S-16",
        m.cidr("::/0"),
        ("::", "1::", "fe80::1"),
        ("0.0.0.0", "::ffff:0.0.0.0", "::ffff:0:1", "[::]"),
    )
    yield from _table(
        "cidr-odd", "S-16", m.cidr("10.128.0.0/9"), ("10.128.0.0", "10.255.255.255"), ("10.127.255.255", "10.0.0.0")
    )
    yield from _table("cidr-one", "S-16", m.cidr("10.0.0.1/32"), ("10.0.0.1",), ("10.0.0.0", "10.0.0.2"))


def lists() -> Iterator[Vector]:
    """Lists and objects."""
    wrong = ("a", 1, None, {"a": "a"})
    yield from _table(
        "list-subset",
        "S-16",
        m.list_subset("a", 1, None),
        ([], ["a"], [1, "a", None], ["a", "a"]),
        (["b"], ["a", "b"], ["1"], [True], [["a"]], [{}], *wrong),
    )
    yield from _table(
        "list-contains",
        "S-16",
        m.list_contains("a", 1),
        (["a", 1], [1, "b", "a", None], [["x"], "a", 1]),
        ([], ["a"], [1], ["a", "1"], ["a", True], [["a", 1]], *wrong),
    )
    yield from _table(
        "each",
        "S-16",
        m.each(m.integers(1, 5)),
        ([], [1], [1, 5, 3]),
        ([0], [1, 6], ["1"], [[1]], [1, None], [1.5], *wrong),
    )
    yield from _table(
        "each-each", "S-16", m.each(m.each(m.exact("a"))), ([], [[]], [["a"], []]), (["a"], [["b"]], [[["a"]]], [{}])
    )
    composite = m.exact([1, {"a": [HALF, None], "b": "x"}])
    yield from _table(
        "list",
        "S-16 S-15",
        composite,
        ([1, {"a": [0.5, None], "b": "x"}], [1, {"b": "x", "a": [0.5, None]}], b'[1.0,{"a":[0.50,null],"b":"x"}]'),
        (
            [1],
            [{"a": [0.5, None], "b": "x"}, 1],
            [1, {"a": [0.5, None]}],
            [1, {"a": [0.5, None], "b": "x", "c": 1}],
            [True, {"a": [0.5, None], "b": "x"}],
            {"a": 1},
            None,
        ),
    )
    yield from _table("empty-list", "S-16 S-15", m.exact([]), ([],), ([None], {}, None, "", False))
    yield from _table("empty-object", "S-16 S-15", m.exact({}), ({},), ({"a": None}, [], None))
    named = m.fields(m.argument("a", m.exact(1)), m.argument("b", m.under("/srv"), optional=True))
    yield from _table(
        "fields",
        "S-16 S-14",
        named,
        ({"a": 1}, {"a": 1, "b": "/srv/x"}, {"b": "/srv", "a": 1}),
        (
            {},
            {"b": "/srv"},
            {"a": 2},
            {"a": 1, "b": "/etc"},
            {"a": 1, "c": 1},
            {"a": 1, "b": None},
            {"A": 1},
            [],
            None,
            "a",
        ),
    )
    yield from _table("no-fields", "S-16 S-14", m.fields(), ({},), ({"a": None}, [], None))
    optional = m.fields(m.argument("a", m.EXACT_NULL, optional=True))
    yield from _table("null-field", "S-16 S-14", optional, ({}, {"a": None}), ({"a": False},))


def expressions() -> Iterator[Vector]:
    """Regular expressions match from the first to the last character."""
    for name, expression, good, bad in (
        ("literal", "abc", ("abc",), ("abcd", "xabc", "ab", "ABC", "abc\n", "")),
        ("branches", "a|bc", ("a", "bc"), ("ac", "abc", "b")),
        ("branches-whole", "a|ab", ("a", "ab"), ("abb", "b")),
        ("dot", "a.c", ("abc", "a\u20acc", "a😀c", "a\0c"), ("a\nc", "ac", "abbc")),
        ("negated-class", "a[^b]c", ("axc", "a\nc", "a😀c"), ("abc", "ac")),
        ("digits", r"\d{2,3}", ("12", "123"), ("1", "1234", "\u0661\u0662", "1 2", "12\n")),
        ("words", r"\w+", ("aZ_9",), ("", "a-b", "\u00e9", "a ")),
        ("spaces", r"a\sb", ("a b", "a\tb", "a\nb", "a\rb", "a\fb"), ("a\u00a0b", "a\vb", "a\u2003b", "ab")),
        ("star", "(ab)*", ("", "ab", "abab"), ("a", "aba", "ba")),
        ("counted", "a{2}", ("aa",), ("a", "aaa", "")),
        ("counted-open", "a{2,}", ("aa", "aaaaa"), ("a", "")),
        ("class", r"[a-c\-\]]+", ("abc", "-]", "a-"), ("d", "", "[")),
        ("class-set", r"[\d.]+", ("1.2", "..."), ("1,2", "")),
        ("quoted", r"\(\.\*\)\{\}", ("(.*){}",), ("(a){}",)),
        ("not-ascii", "[\u00e0-\u00ff]+", ("\u00e9\u00e8",), ("e", "\u0100", "e\u0301")),
        ("no-folding", "k", ("k",), ("K", "\u212a")),
        ("linear", "(a+)+b", ("aab",), ("a" * 60, "a" * 60 + "c")),
    ):
        yield from _table(f"regex-{name}", "S-21 S-16", m.regex(expression), good, (*bad, 1, None))


def logic() -> Iterator[Vector]:
    """Negation, all of, any of (S-16, S-22, S-23)."""
    for name, inner, good, bad in (
        ("boolean", m.exact(True), (False,), (True, 0, "true", None)),
        ("string", m.exact("a"), ("b", ""), ("a", 1, None, ["b"])),
        ("integer", m.exact(1), (2, 1.5), (1, b"1.0", "2", True, None)),
        ("decimal", m.exact(HALF), (2, 0.25), (0.5, "2", None)),
        ("composite-list", m.exact(["a"]), ([], ["b"], ["a", "a"]), (["a"], {}, "a", None)),
        ("composite-object", m.exact({"a": 1}), ({}, {"a": 2}), ({"a": 1}, [], None)),
        ("any-of-these", m.one_of("a", 1), ("b", 2, 0.5), ("a", 1, True, None, [])),
        ("integer-range", m.integers(1, 5), (0, 6, -SAFE), (1, 5, 5.5, 0.5, "0", None)),
        ("decimal-range", m.decimals("1", "5"), (0.5, 6, 5.01), (1, 5, 2.5, "6", None)),
        ("decimal-text", m.decimal_text("1", "5"), ("0.99", "6", "5.01"), ("1", "5.00", "a", "05", "", 6, None)),
        ("length", m.length(1, 3), ("", "abcd", [], [1, 2, 3, 4]), ("a", [1], 5, None, {})),
        ("prefix", m.prefix("/srv"), ("/etc", "", "srv"), ("/srv", "/srvx", 1, None)),
        (
            "glob",
            m.glob("/srv/*"),
            ("/etc/a", "/srv", "/srv/a/b", "", "a/b"),
            ("/srv/a", "/srv/../a", "/srv/a\\", "/srv/%2e", "/srv/", "/", "/etc//a", "//srv/b", 1),
        ),
        ("glob-colons", m.glob("a:*", ":"), ("b:c", "a:b:c", "../x", "a:", "::", "b/:/"), ("a:b", "a:..", "a:b\n")),
        (
            "sub-path",
            m.under("/srv"),
            ("/etc", "/", "/srvx"),
            ("/srv", "/srv/a", "etc", "/etc/", "/srv/../etc", "/%2e", "", 1),
        ),
        (
            "url",
            m.url("https"),
            (
                "https://evil.test/",
                "http://example.org",
                "https://example.org:1/",
                "https://evil.test:80/",
                "http://evil.test:443",
            ),
            (
                "https://example.org/a",
                "https://Evil.test",
                "evil.test",
                "https://evil.test/a//b",
                "https://evil.test:443/",
                "http://evil.test:80",
                "wss://evil.test:443",
                "ws://evil.test:80",
                "ftp://evil.test:21/a",
                "",
                1,
            ),
        ),
        (
            "cidr",
            m.cidr("10.0.0.0/8"),
            ("11.0.0.0", "2001:db8::", "::1"),
            ("10.0.0.1", "11.0.0.01", "::ffff:11.0.0.1", "evil.test", "", 1),
        ),
        ("list-subset", m.list_subset("a"), (["b"], ["a", "b"], [None]), ([], ["a"], "b", None)),
        ("list-contains", m.list_contains("a"), ([], ["b"], [["a"]]), (["a"], ["b", "a"], "b", None)),
    ):
        yield from _table(f"not-{name}", "S-16 S-22", m.negation(inner), good, bad)
    yield from _table("not-regex", "S-16 S-22", m.negation(m.regex("a+")), ("b", "", "ab"), ("a", "aa", 1, None))
    both = m.all_of(m.prefix("/srv/"), m.length(0, 8))
    yield from _table("all-of", "S-23", both, ("/srv/a", "/srv/abc"), ("/srv/abcd", "/etc/a", ["/srv/"], None))
    never = m.all_of(m.exact("a"), m.exact(1))
    yield from _table("all-of-nothing", "S-23", never, (), ("a", 1, None))
    either = m.any_of(m.exact("a"), m.integers(5), m.each(m.exact(True)))
    yield from _table("any-of", "S-23", either, ("a", 5, 6, [], [True]), ("b", 4, [False], None, True, "5"))
    below = m.all_of(m.under("/srv"), m.negation(m.under("/srv/secret")))
    yield from _table(
        "all-but",
        "S-22 S-23",
        below,
        ("/srv", "/srv/a", "/srv/secrets"),
        ("/srv/secret", "/srv/secret/a", "/etc", "/srv/secret/"),
    )


def steps() -> Iterator[Vector]:
    """Counting (A-5)."""
    nested = m.each(m.all_of(m.integers(0), m.integers(None, 9)))
    # 2,730 members take 2,730 + 2 * 2,730 = 8,190 steps; one member more 8,193.
    for members, expect in ((2_730, accepted(allows=True)), (2_731, refused("evaluation_exhausted"))):
        value: Data = [text("["), repeated(text("1,"), members - 1), text("1]")]
        given = {"constraint": nested.hex(), "value": value}
        yield Vector(
            f"allows-steps-{members}", "allows", f"{members} members, three steps each.", ("A-5",), given, expect
        )


AREA = Area(
    "allows",
    "Which value each kind of constraint allows.",
    [*scalars(), *numbers(), *lengths(), *paths(), *urls(), *addresses(), *lists(), *expressions(), *logic(), *steps()],
)
