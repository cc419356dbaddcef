"""The rules of covering, one by one: SPEC section 5.5."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.make import messages as m
from conformance.make.area_steps import any_of_times
from conformance.make.messages import SAFE, Fraction
from conformance.make.vector import Area, Data, Vector, accepted, packed, refused

HALF, QUARTER = Fraction("0.5"), Fraction("0.25")
Case = tuple[str, bytes, bytes, bool]
EXHAUSTED = refused("evaluation_exhausted")


def _vector(name: str, spec: str, parent: bytes, child: bytes | Data, expect: dict[str, Any]) -> Vector:
    yes = expect.get("accepted", {}).get("covers")
    outcome = {True: "Covered", False: "Not covered", None: "Too many steps"}[yes]
    says = f"{outcome}: {name.replace('-', ' ')}."
    given = {"parent": packed(parent), "child": packed(child) if isinstance(child, bytes) else child}
    requires = ("re2",) if "regex" in name else ()
    return Vector(f"covers-{name}", "covers", says, tuple(spec.split()), given, expect, requires)


def _each(of: str, spec: str, *cases: Case) -> Iterator[Vector]:
    for name, parent, child, yes in cases:
        yield _vector(f"{of}-{name}", spec, parent, child, accepted(covers=yes))


def numbers() -> Iterator[Vector]:
    """Ranges of numbers."""
    wide = m.integers(1, 10)
    yield from _each(
        "integers",
        "N-7",
        ("equal", wide, wide, True),
        ("inside", wide, m.integers(2, 9), True),
        ("lower", wide, m.integers(0, 9), False),
        ("higher", wide, m.integers(2, 11), False),
        ("no-minimum", wide, m.integers(None, 9), False),
        ("no-maximum", wide, m.integers(2), False),
        ("one-sided", m.integers(1), m.integers(1), True),
        ("one-sided-by-both", m.integers(1), wide, True),
        ("other-side", m.integers(1), m.integers(None, 10), False),
        ("largest-range", m.integers(-SAFE, SAFE), m.integers(None, 0), False),
        ("exact-at-the-edge", wide, m.exact(10), True),
        ("exact-outside", wide, m.exact(11), False),
        ("set-inside", wide, m.one_of(1, 10), True),
        ("set-with-one-outside", wide, m.one_of(1, 11), False),
        ("set-with-a-fraction", wide, m.one_of(HALF), False),
        ("set-with-a-string", wide, m.one_of("5"), False),
        ("decimal-range-of-one", wide, m.decimals("5", "5"), True),
        ("decimal-range-of-one-fraction", wide, m.decimals("0.5", "0.5"), False),
        ("decimal-range", wide, m.decimals("2", "3"), False),
    )
    wide = m.decimals("0.5", "10")
    open_ = m.decimals("0.5", "10", above=True, below=True)
    yield from _each(
        "decimals",
        "N-7",
        ("equal", wide, wide, True),
        ("equal-exclusive", open_, open_, True),
        ("excluding-of-including", wide, open_, True),
        ("including-of-excluding", open_, wide, False),
        ("including-minimum", open_, m.decimals("0.5", "9"), False),
        ("including-maximum", open_, m.decimals("1", "10"), False),
        ("inside-of-excluding", open_, m.decimals("0.51", "9.99"), True),
        ("lower", wide, m.decimals("0.49", "9"), False),
        ("higher", wide, m.decimals("1", "10.01"), False),
        ("by-value-not-text", m.decimals("9", "11"), m.decimals("10", "11"), True),
        ("no-maximum", wide, m.decimals("1"), False),
        ("integer-range-inside", wide, m.integers(1, 10), True),
        ("integer-range-lower", wide, m.integers(0, 10), False),
        ("integer-range-at-excluded", open_, m.integers(1, 10), False),
        ("integer-range-below-excluded", open_, m.integers(1, 9), True),
        ("integer-range-open", wide, m.integers(1), False),
        ("integer-range-by-bounds-alone", m.decimals("0.5"), m.integers(1), True),
        ("exact-integer", wide, m.exact(10), True),
        ("exact-excluded", open_, m.exact(10), False),
        ("exact-fraction", wide, m.exact(HALF), True),
        ("set", wide, m.one_of(1, HALF), True),
        ("set-with-true", wide, m.one_of(1, True), False),
        ("text", wide, m.decimal_text("1", "2"), False),
    )
    text = m.decimal_text("1", "10")
    yield from _each(
        "decimal-text",
        "N-7",
        ("inside", text, m.decimal_text("2", "9.5"), True),
        ("lower", text, m.decimal_text("0.99", "9"), False),
        ("excluded", m.decimal_text("1", "10", above=True), text, False),
        ("string", text, m.exact("5.00"), True),
        ("string-outside", text, m.exact("11"), False),
        ("string-that-is-none", text, m.exact("5 "), False),
        ("set", text, m.one_of("1", "10.00"), True),
        ("range", text, m.decimals("1", "10"), False),
    )


def listing() -> Iterator[Vector]:
    """Children whose values can be listed (rule 5)."""
    set_ = m.one_of("a", "b", 1, HALF, True, None)
    yield from _each(
        "one-of",
        "N-7",
        ("equal", set_, set_, True),
        ("part", set_, m.one_of("a", None), True),
        ("more", set_, m.one_of("a", "c"), False),
        ("false", set_, m.one_of(False), False),
        ("number-as-string", set_, m.one_of("1"), False),
        ("exact-string", set_, m.exact("b"), True),
        ("exact-true", set_, m.exact(True), True),
        ("exact-null", set_, m.EXACT_NULL, True),
        ("exact-list", set_, m.exact(["a"]), False),
        ("exact-fraction", set_, m.exact(HALF), True),
        ("range", m.one_of(1, 2, 3), m.integers(1, 3), True),
        ("range-with-one-more", m.one_of(1, 2, 3), m.integers(1, 4), False),
        ("open-range", m.one_of(1, 2, 3), m.integers(3), False),
        ("decimal-range-of-one", m.one_of(HALF), m.decimals("0.5", "0.5"), True),
        ("decimal-range", m.one_of(HALF), m.decimals("0.5", "0.6"), False),
        ("1024-integers", m.one_of(*range(1024)), m.integers(0, 1023), True),
        (
            "1024-integers-of-two-sets",
            m.any_of(m.one_of(*range(512)), m.one_of(*range(512, 1024))),
            m.integers(0, 1023),
            True,
        ),
        ("1025-integers", m.any_of(m.one_of(*range(1024)), m.one_of(1024)), m.integers(0, 1024), False),
        ("pattern", m.one_of("/a"), m.under("/a"), False),
        ("anything", set_, m.ANYTHING, False),
    )
    yield from _each(
        "exact",
        "N-7",
        ("one-member", m.exact("a"), m.one_of("a"), True),
        ("two-members", m.exact("a"), m.one_of("a", "b"), False),
        ("range-of-one", m.exact(5), m.integers(5, 5), True),
        ("decimal-range-of-one", m.exact(5), m.decimals("5", "5"), True),
        ("null", m.EXACT_NULL, m.one_of(None), True),
        ("false", m.exact(False), m.one_of(False), True),
        ("list-in-another-order", m.exact(["a", "b"]), m.exact(["b", "a"]), False),
        ("object", m.exact({"a": 1}), m.exact({"a": 1}), True),
        ("each", m.exact([]), m.each(m.ANYTHING), False),
    )
    some = m.any_of(m.one_of(1, 2), m.integers(4, 5))
    yield from _each(
        "listed-all-of",
        "N-7",
        ("filtered", m.one_of(2), m.all_of(m.one_of(1, 2), m.integers(2)), True),
        ("filtered-second", m.one_of(2), m.all_of(m.integers(2), m.one_of(1, 2)), True),
        ("not-filtered", m.one_of(2), m.all_of(m.one_of(1, 2), m.integers(1)), False),
        ("nothing-left", m.exact("x"), m.all_of(m.exact("a"), m.exact("b")), True),
        ("strings-by-prefix", m.under("/srv"), m.all_of(m.one_of("/etc", "/srv/a"), m.prefix("/srv")), True),
        ("not-listed", m.one_of(2), m.all_of(m.integers(2), m.integers(None, 2)), False),
        ("of-any-of", some, m.all_of(m.integers(1, 5), m.not_one_of(3)), True),
        ("of-any-of-not-filtered", some, m.all_of(m.integers(1, 5), m.not_one_of(4)), False),
        ("nested", m.one_of(2), m.all_of(m.all_of(m.one_of(1, 2), m.integers(2)), m.ANYTHING), True),
    )


def strings() -> Iterator[Vector]:
    """Lengths, prefixes, paths, globs."""
    yield from _each(
        "length",
        "N-7",
        ("inside", m.length(1, 10), m.length(2, 9), True),
        ("shorter", m.length(1, 10), m.length(0, 9), False),
        ("longer", m.length(1, 10), m.length(1, 11), False),
        ("no-maximum", m.length(1, 10), m.length(1), False),
        ("no-minimum", m.length(0, 10), m.length(5, 10), True),
        ("prefix", m.length(4), m.prefix("/srv"), True),
        ("prefix-too-short", m.length(5), m.prefix("/srv"), False),
        ("prefix-with-maximum", m.length(1, 10), m.prefix("/srv"), False),
        ("prefix-in-characters", m.length(2), m.prefix("\u20ac"), False),
        ("sub-path", m.length(4), m.under("/srv"), True),
        ("sub-path-too-short", m.length(5), m.under("/srv"), False),
        ("list-contains", m.length(2), m.list_contains("a", "b"), True),
        ("list-contains-too-few", m.length(3), m.list_contains("a", "b"), False),
        ("list-contains-with-maximum", m.length(1, 5), m.list_contains("a", "b"), False),
        ("glob", m.length(3), m.glob("a/*"), True),
        ("glob-too-short", m.length(4), m.glob("a/*"), False),
        ("glob-rest-counts-one", m.length(3), m.glob("a/**"), True),
        ("glob-rest-too-short", m.length(4), m.glob("a/**"), False),
        ("glob-with-maximum", m.length(1, 50), m.glob("a/*"), False),
        ("strings", m.length(1, 2), m.one_of("a", "bb"), True),
        ("strings-too-long", m.length(1, 2), m.one_of("a", "bbb"), False),
        ("list", m.length(2, 2), m.exact([1, 2]), True),
        ("object", m.length(0, 2), m.exact({}), False),
        ("each", m.length(0, 2), m.each(m.ANYTHING), False),
        ("url", m.length(1), m.url(), False),
    )
    yield from _each(
        "prefix",
        "N-7",
        ("longer", m.prefix("/s"), m.prefix("/srv"), True),
        ("shorter", m.prefix("/srv"), m.prefix("/s"), False),
        ("sub-path", m.prefix("/srv"), m.under("/srv/a"), True),
        ("sub-path-beside", m.prefix("/srv"), m.under("/srvx"), True),
        ("sub-path-above", m.prefix("/srv"), m.under("/"), False),
        ("sub-path-with-slash", m.prefix("/srv/"), m.under("/srv"), False),
        ("glob", m.prefix("/srv/"), m.glob("/srv/*"), True),
        ("glob-text-too-short", m.prefix("/srv/a"), m.glob("/srv/*"), False),
        ("glob-star-first", m.prefix("/"), m.glob("*/a"), False),
        ("glob-without-star", m.prefix("/srv/a"), m.glob("/srv/ab"), True),
        ("glob-colons", m.prefix("urn:a"), m.glob("urn:ab:*", ":"), True),
        ("strings", m.prefix("a"), m.one_of("a", "ab"), True),
        ("string-beside", m.prefix("a"), m.exact("b"), False),
        ("url", m.prefix("https://"), m.url("https"), False),
    )
    yield from _each(
        "sub-path",
        "N-7 S-13",
        ("below", m.under("/srv"), m.under("/srv/a/b"), True),
        ("beside", m.under("/srv"), m.under("/srvx"), False),
        ("above", m.under("/srv/a"), m.under("/srv"), False),
        ("of-root", m.under("/"), m.under("/srv"), True),
        ("root-of", m.under("/srv"), m.under("/"), False),
        ("strings", m.under("/srv"), m.one_of("/srv", "/srv/a"), True),
        ("string-not-normal", m.under("/srv"), m.exact("/srv/../etc"), False),
        ("prefix", m.under("/srv"), m.prefix("/srv/"), False),
        ("glob", m.under("/srv"), m.glob("/srv/*/a"), True),
        ("glob-rest", m.under("/srv"), m.glob("/srv/**"), True),
        ("glob-exact", m.under("/srv"), m.glob("/srv"), True),
        ("glob-beside", m.under("/srv"), m.glob("/srvx/*"), False),
        ("glob-star-above", m.under("/srv/a"), m.glob("/srv/*"), False),
        ("glob-star-first", m.under("/srv"), m.glob("/*"), False),
        ("glob-of-root", m.under("/"), m.glob("/*/a"), True),
        ("glob-relative", m.under("/"), m.glob("a/b"), False),
        ("glob-one-piece", m.under("/"), m.glob("*"), False),
        ("glob-colons", m.under("/"), m.glob(":srv:*", ":"), False),
    )
    yield from _globs()


def _globs() -> Iterator[Vector]:
    glob = m.glob
    yield from _each(
        "glob",
        "N-7 S-18",
        ("equal", glob("/a/*/b"), glob("/a/*/b"), True),
        ("named", glob("/a/*/b"), glob("/a/x/b"), True),
        ("star-of-named", glob("/a/x/b"), glob("/a/*/b"), False),
        ("star-of-rest", glob("/a/*"), glob("/a/**"), False),
        ("rest-of-star", glob("/a/**"), glob("/a/*"), True),
        ("rest-of-many", glob("/a/**"), glob("/a/b/*/c/**"), True),
        ("rest-of-rest", glob("/a/**"), glob("/a/**"), True),
        ("rest-of-nothing", glob("/a/**"), glob("/a"), False),
        ("rest-of-empty", glob(":a:**", ":"), glob(":a:", ":"), False),
        ("rest-of-empty-inside", glob(":a:**", ":"), glob(":a:b::c", ":"), False),
        ("star-of-empty", glob(":a:*", ":"), glob(":a:", ":"), False),
        ("longer", glob("/a/*"), glob("/a/b/c"), False),
        ("shorter", glob("/a/*/c"), glob("/a/*"), False),
        ("other-separator", glob("a:*", ":"), glob("a:b"), False),
        ("colons", glob("a:*", ":"), glob("a:b", ":"), True),
        ("everything", glob("**"), glob("a/*"), True),
        ("everything-of-absolute", glob("**"), glob("/a/*"), False),
        ("sub-path", glob("/srv/**"), m.under("/srv/a"), True),
        ("sub-path-itself", glob("/srv/**"), m.under("/srv"), False),
        ("sub-path-of-star", glob("/srv/*"), m.under("/srv/a"), False),
        ("sub-path-of-colons", glob("/srv:**", ":"), m.under("/srv/a"), False),
        ("sub-path-root", glob("/**"), m.under("/"), False),
        ("strings", glob("/srv/*"), m.one_of("/srv/a", "/srv/b"), True),
        ("string-deeper", glob("/srv/*"), m.exact("/srv/a/b"), False),
        ("prefix", glob("/srv/**"), m.prefix("/srv/a"), False),
    )


def networks() -> Iterator[Vector]:
    """URLs, networks, regular expressions."""
    url = m.url
    wide = url("http", "https", host="example.org", subdomains=True, path="/api")
    yield from _each(
        "url",
        "N-7 S-19",
        ("equal", wide, wide, True),
        ("scheme", wide, url("https", path="/api"), True),
        ("another-scheme", url("https"), url("http"), False),
        ("scheme-more", url("https"), url("http", "https"), False),
        ("subdomain", wide, url("https", host="a.example.org", path="/api"), True),
        ("subdomains-of-subdomain", wide, url("https", host="a.example.org", subdomains=True, path="/api"), True),
        ("subdomain-without", url("https"), url("https", host="a.example.org"), False),
        ("subdomains-added", url("https"), url("https", subdomains=True), False),
        ("host-with-same-end", wide, url("https", host="badexample.org", path="/api"), False),
        ("parent-domain", wide, url("https", host="org", subdomains=True, path="/api"), False),
        ("another-host", url("https"), url("https", host="example.com"), False),
        ("port-equal", url("https", port=8443), url("https", port=8443), True),
        ("port-added", url("https"), url("https", port=8443), False),
        ("port-dropped", url("https", port=8443), url("https"), False),
        ("port-another", url("https", port=9443), url("https", port=8443), False),
        ("path-below", wide, url("https", path="/api/v1"), True),
        ("path-beside", wide, url("https", path="/apix"), False),
        ("path-dropped", wide, url("https"), False),
        ("path-added", url("https"), url("https", path="/a"), True),
        ("path-root-of-path", url("https", path="/"), url("https", path="/a"), True),
        ("path-root-of-none", url("https", path="/"), url("https"), True),
        ("path-none-of-root", url("https"), url("https", path="/"), True),
        ("path-of-root", url("https", path="/a"), url("https", path="/"), False),
        ("string", wide, m.exact("https://a.example.org/api/x?y"), True),
        ("string-not-normal", wide, m.exact("https://a.example.org/api/../x"), False),
        ("strings", wide, m.one_of("http://example.org/api", "https://example.org/api"), True),
        ("prefix", wide, m.prefix("https://example.org/api/"), False),
    )
    cidr = m.cidr
    yield from _each(
        "cidr",
        "N-7 S-20",
        ("inside", cidr("10.0.0.0/8"), cidr("10.1.0.0/16"), True),
        ("around", cidr("10.1.0.0/16"), cidr("10.0.0.0/8"), False),
        ("beside", cidr("10.0.0.0/8"), cidr("11.0.0.0/16"), False),
        ("all-4-of-6", cidr("0.0.0.0/0"), cidr("::/0"), False),
        ("all-6-of-4", cidr("::/0"), cidr("10.0.0.0/8"), False),
        ("six", cidr("2001:db8::/32"), cidr("2001:db8:1::/48"), True),
        ("same-first-address", cidr("10.0.0.0/16"), cidr("10.0.0.0/8"), False),
        ("address", cidr("10.0.0.0/8"), m.exact("10.1.2.3"), True),
        ("address-not-normal", cidr("10.0.0.0/8"), m.exact("10.01.2.3"), False),
        ("addresses", cidr("10.0.0.0/8"), m.one_of("10.0.0.1", "11.0.0.1"), False),
        ("prefix", cidr("10.0.0.0/8"), m.prefix("10."), False),
    )
    yield from _each(
        "regex",
        "N-7 S-21",
        ("equal", m.regex("a+"), m.regex("a+"), True),
        ("same-meaning", m.regex("a+"), m.regex("aa*"), False),
        ("within", m.regex("a+"), m.regex("aa"), False),
        ("strings", m.regex("a+"), m.one_of("a", "aa"), True),
        ("strings-one-not", m.regex("a+"), m.one_of("a", "ab"), False),
        ("prefix", m.regex(".*"), m.prefix("a"), False),
        ("of-one-of", m.one_of("a"), m.regex("a"), False),
        ("everything", m.length(0, 100), m.regex("a"), False),
    )


def composites() -> Iterator[Vector]:
    """Lists and objects."""
    subset, contains, each = m.list_subset, m.list_contains, m.each
    yield from _each(
        "lists",
        "N-7",
        ("subset-part", subset("a", "b"), subset("a"), True),
        ("subset-more", subset("a"), subset("a", "b"), False),
        ("subset-type", subset("1"), subset(1), False),
        ("subset-each", subset("a", "b"), each(m.exact("a")), True),
        ("subset-each-more", subset("a", "b"), each(m.one_of("a", "c")), False),
        ("subset-each-range", subset(1, 2), each(m.integers(1, 2)), True),
        ("subset-each-anything", subset("a"), each(m.ANYTHING), False),
        ("subset-contains", subset("a"), contains("a"), False),
        ("subset-list", subset("a", 1), m.exact(["a", 1, "a"]), True),
        ("subset-list-more", subset("a", 1), m.exact(["a", None]), False),
        ("subset-empty-list", subset("a"), m.exact([]), True),
        ("contains-more", contains("a"), contains("a", "b"), True),
        ("contains-less", contains("a", "b"), contains("a"), False),
        ("contains-list", contains("a"), m.exact([1, "a"]), True),
        ("contains-list-without", contains("a"), m.exact([["a"]]), False),
        ("contains-each", contains("a"), each(m.exact("a")), False),
        ("each-inner", each(m.integers(1, 10)), each(m.integers(2, 3)), True),
        ("each-inner-wider", each(m.integers(1, 10)), each(m.integers(0, 3)), False),
        ("each-anything", each(m.ANYTHING), each(m.under("/a")), True),
        ("each-subset", each(m.prefix("a")), subset("a", "ab"), True),
        ("each-subset-more", each(m.prefix("a")), subset("a", "b"), False),
        ("each-contains", each(m.prefix("a")), contains("a"), False),
        ("each-anything-contains", each(m.ANYTHING), contains("a"), True),
        ("each-list", each(m.integers(1)), m.exact([1, 2]), True),
        ("each-list-not", each(m.integers(1)), m.exact([1, 0]), False),
        ("each-nested", each(each(m.integers(1))), each(each(m.exact(5))), True),
        ("each-length", each(m.ANYTHING), m.length(0, 5), False),
    )

    def fields(**members: tuple[bytes, bool]) -> bytes:
        return m.fields(*(m.argument(name, inner, optional=maybe) for name, (inner, maybe) in members.items()))

    one, small = m.exact(1), m.integers(0, 5)
    yield from _each(
        "fields",
        "N-7 N-1 N-2 N-3 S-14",
        ("equal", fields(a=(one, False)), fields(a=(one, False)), True),
        ("narrower", fields(a=(small, False)), fields(a=(one, False)), True),
        ("wider", fields(a=(one, False)), fields(a=(small, False)), False),
        ("more", fields(a=(one, False)), fields(a=(one, False), b=(one, True)), False),
        ("required-left-out", fields(a=(one, False)), fields(), False),
        ("optional-left-out", fields(a=(one, True)), fields(), True),
        ("required-of-optional", fields(a=(one, True)), fields(a=(one, False)), True),
        ("optional-of-required", fields(a=(one, False)), fields(a=(one, True)), False),
        ("nested", fields(a=(fields(b=(small, True)), False)), fields(a=(fields(), False)), True),
        ("object", fields(a=(small, False), b=(one, True)), m.exact({"a": 5}), True),
        ("object-more", fields(a=(small, False)), m.exact({"a": 5, "b": 1}), False),
        ("object-less", fields(a=(small, False)), m.exact({}), False),
        ("no-fields", fields(), m.exact({}), True),
        ("list", fields(), m.exact([]), False),
        ("anything", fields(), m.ANYTHING, False),
    )


def logic() -> Iterator[Vector]:
    """All of, any of (rules 1, 2, 6, 7)."""
    any_of, all_of, under = m.any_of, m.all_of, m.under
    either = any_of(under("/a"), under("/b"))
    yield from _each(
        "any-of",
        "N-7",
        ("one-branch", any_of(under("/a"), under("/b")), under("/a/x"), True),
        ("no-branch", any_of(under("/a"), under("/b")), under("/c"), False),
        ("fewer-branches", any_of(under("/a"), under("/b")), any_of(under("/b")), True),
        ("other-order", any_of(under("/a"), under("/b")), any_of(under("/b/x"), under("/a/x")), True),
        ("more-branches", any_of(under("/a")), any_of(under("/a"), under("/b")), False),
        ("flattened", under("/"), any_of(under("/a"), m.exact("/b")), True),
        ("flattened-one-not", under("/a"), any_of(under("/a/x"), m.exact("/b")), False),
        ("values-of-several-branches", any_of(m.exact(1), m.exact(2)), m.one_of(1, 2), True),
        ("range-of-several-branches", any_of(m.integers(1, 5), m.integers(6, 10)), m.integers(4, 7), True),
        ("long-range-of-several-branches", any_of(m.integers(None, 0), m.integers(0)), m.integers(-2000, 2000), False),
        ("nested", any_of(any_of(m.exact(1), m.exact(2)), m.exact(3)), any_of(m.exact(3), any_of(m.exact(2))), True),
        ("anything", any_of(m.exact(1), m.ANYTHING), under("/a"), True),
        ("of-anything", any_of(m.exact(1), m.exact(2)), m.ANYTHING, False),
        ("opposites-of-anything", any_of(m.exact("a"), m.negation(m.exact("a"))), m.ANYTHING, False),
        ("child-all-of-in-one-branch", any_of(under("/a"), under("/b")), all_of(under("/b"), m.length(0, 9)), True),
        ("child-all-of-across", any_of(m.exact(1), m.length(0, 5)), all_of(m.prefix("a"), m.length(0, 3)), True),
        ("child-all-of-with-any-of", either, all_of(either, m.length(0, 9)), True),
        ("child-all-of-in-none", any_of(under("/a"), under("/b")), all_of(m.prefix("/"), m.length(0, 9)), False),
    )
    yield from _each(
        "all-of",
        "N-7",
        ("every", all_of(under("/a"), m.length(0, 9)), all_of(under("/a/x"), m.length(0, 9)), True),
        ("one-not", all_of(under("/a"), m.length(0, 9)), under("/a/x"), False),
        ("other-order", all_of(under("/a"), m.length(0, 9)), all_of(m.length(0, 8), under("/a")), True),
        ("one-more", under("/a"), all_of(under("/a"), m.length(0, 9)), True),
        ("one-less", all_of(under("/a"), m.length(0, 9)), all_of(under("/a")), False),
        ("of-one", all_of(under("/a")), under("/a/x"), True),
        ("value", all_of(under("/a"), m.length(0, 9)), m.exact("/a/x"), True),
        ("value-too-long", all_of(under("/a"), m.length(0, 9)), m.exact("/a/xxxxxxx"), False),
        ("together-only", m.integers(1, 5), all_of(m.integers(1), m.integers(None, 5)), False),
        ("together-each", all_of(m.integers(1), m.integers(None, 5)), m.integers(1, 5), True),
        ("any-of-inside", all_of(any_of(m.exact(1), m.exact(2)), m.integers(0)), m.exact(2), True),
        ("child-any-of", all_of(m.integers(0), m.integers(None, 9)), any_of(m.exact(1), m.integers(2, 3)), True),
        ("nested", under("/a"), all_of(all_of(under("/a/b"), m.ANYTHING), m.length(1)), True),
        ("anything", all_of(m.ANYTHING), m.ANYTHING, True),
        ("child-of-anything", m.integers(1), all_of(m.ANYTHING), False),
    )


def negations() -> Iterator[Vector]:
    """Negations and exclusions (rule 8)."""
    no, under = m.negation, m.under
    yield from _each(
        "negation",
        "N-7 S-22",
        ("equal", no(under("/a")), no(under("/a")), True),
        ("wider-inside", no(under("/a/b")), no(under("/a")), True),
        ("narrower-inside", no(under("/a")), no(under("/a/b")), False),
        ("value", no(under("/a")), m.exact("/b"), True),
        ("value-inside", no(under("/a")), m.exact("/a/b"), False),
        ("value-of-another-kind", no(under("/a")), m.exact("x"), False),
        ("sub-path-beside", no(under("/a")), under("/b"), True),
        ("sub-path-above", no(under("/a")), under("/"), False),
        ("sub-path-below", no(under("/a")), under("/a/b"), False),
        ("prefix-beside", no(m.prefix("a")), m.prefix("b"), True),
        ("prefix-longer", no(m.prefix("a")), m.prefix("ab"), False),
        ("prefix-shorter", no(m.prefix("ab")), m.prefix("a"), False),
        ("prefix-of-sub-path", no(m.prefix("a")), under("/b"), False),
        ("cidr-beside", no(m.cidr("10.0.0.0/8")), m.cidr("11.0.0.0/8"), True),
        ("cidr-around", no(m.cidr("10.1.0.0/16")), m.cidr("10.0.0.0/8"), False),
        ("cidr-other-version", no(m.cidr("10.0.0.0/8")), m.cidr("2001:db8::/32"), True),
        ("integers-beside", no(m.integers(1, 5)), m.integers(6), True),
        ("integers-touching", no(m.integers(1, 5)), m.integers(5), False),
        ("decimals-of-integers", no(m.decimals("1", "5")), m.integers(6, 5000), True),
        ("decimals-touching", no(m.decimals("1", "5")), m.decimals("5", "9"), False),
        ("decimals-touching-excluded", no(m.decimals("1", "5")), m.decimals("5", "9", above=True), True),
        ("integers-of-decimals", no(m.integers(1, 5)), m.decimals("6", "9"), False),
        ("bounds-leave-no-integer", no(m.decimals("1", "5.5")), m.integers(6, 5000), True),
        ("exact-and-prefix", no(m.exact("abc")), m.prefix("x"), True),
        ("exact-in-prefix", no(m.exact("abc")), m.prefix("a"), False),
        ("exact-and-length", no(m.exact("abc")), m.length(1, 2), False),
        ("exact-and-url", no(m.exact("http://a.test")), m.url("https"), True),
        ("exact-and-range", no(m.exact(5)), m.integers(6), True),
        ("exact-in-range", no(m.exact(5)), m.integers(1), False),
        ("exact-fraction-and-range", no(m.exact(HALF)), m.integers(0), True),
        ("one-of-and-range", no(m.one_of(1, 2)), m.integers(3), True),
        ("one-of-with-string-and-range", no(m.one_of("a", 2)), m.integers(3), True),
        ("list-and-subset", no(m.exact(["a"])), m.list_subset("b"), True),
        ("list-in-subset", no(m.exact(["a"])), m.list_subset("a", "b"), False),
        ("list-and-each", no(m.exact(["a"])), m.each(m.exact("b")), True),
        ("list-and-fields", no(m.exact(["a"])), m.fields(), False),
        ("object-and-fields", no(m.exact({"a": 1})), m.fields(), True),
        ("boolean", no(m.exact(True)), m.exact(False), True),
        ("boolean-itself", no(m.exact(True)), m.exact(True), False),
        ("length-and-length", no(m.length(5)), m.length(0, 4), False),
        ("glob-and-glob", no(m.glob("/a/*")), m.glob("/b/*"), False),
        ("all-of-with-itself", no(under("/a")), m.all_of(under("/"), no(under("/a"))), True),
        ("all-of-beside", no(under("/a")), m.all_of(under("/b"), m.length(0, 9)), True),
        ("any-of", no(under("/a")), m.any_of(under("/b"), under("/c")), True),
        ("any-of-one-inside", no(under("/a")), m.any_of(under("/b"), under("/a/c")), False),
        ("anything", no(under("/a")), m.ANYTHING, False),
    )
    yield from _each(
        "not-one-of",
        "N-7 S-11",
        ("equal", m.not_one_of("a", "b"), m.not_one_of("a", "b"), True),
        ("fewer", m.not_one_of("a"), m.not_one_of("a", "b"), True),
        ("more", m.not_one_of("a", "b"), m.not_one_of("a"), False),
        ("other-type", m.not_one_of("a"), m.not_one_of("a", 1), False),
        ("of-type-less", m.not_one_of("a", 1), m.not_one_of("a"), True),
        ("value", m.not_one_of("a"), m.exact("b"), True),
        ("value-excluded", m.not_one_of("a"), m.exact("a"), False),
        ("value-of-another-type", m.not_one_of("a"), m.exact(1), False),
        ("set", m.not_one_of("a", 7), m.one_of("b", 1), True),
        ("null-in-set", m.not_one_of("a"), m.one_of("b", None), False),
        ("negation-of-same", m.not_one_of("a"), m.negation(m.exact("a")), True),
        ("same-by-negation", m.negation(m.exact("a")), m.not_one_of("a"), True),
        ("same-by-negated-set", m.negation(m.one_of("a", "b")), m.not_one_of("a", "b"), True),
        ("negated-set", m.not_one_of("a", "b"), m.negation(m.one_of("a", "b")), True),
        ("negated-prefix", m.not_one_of("a"), m.negation(m.prefix("a")), True),
        ("negated-prefix-other", m.not_one_of("b"), m.negation(m.prefix("a")), False),
        ("path", m.not_one_of("/a", "/b"), m.under("/c"), True),
        ("path-excluded", m.not_one_of("/a", "/b"), m.under("/b"), False),
        ("range", m.not_one_of(7), m.integers(8), True),
        ("range-around", m.not_one_of(7), m.integers(1, 10_000), False),
        ("regex-without", m.not_one_of("b"), m.regex("a+"), True),
        ("regex-with", m.not_one_of("aa"), m.regex("a+"), False),
        ("booleans", m.not_one_of(True), m.exact(False), True),
        ("anything", m.not_one_of("a"), m.ANYTHING, False),
    )


def steps() -> Iterator[Vector]:
    """Counting (N-8)."""
    wide, full = m.integers(0), m.one_of(*range(1024))
    # The pair itself: 1. Rule 1 asks for each of the child's branches: 1 each, and 1,024 for the listed values of each,
    # about which an integer_range is asked without further steps: 1 + 7 * 1,025 = 7,176.
    yield _vector("steps-7-sets", "N-8", wide, any_of_times(full, 7), accepted(covers=True))
    yield _vector("steps-8-sets", "N-8", wide, any_of_times(full, 8), EXHAUSTED)
    # With 1 + 1,015 = 1,016 more it is 8,192; one more is too much.
    most = any_of_times(full, 7, m.one_of(*range(1015)))
    yield _vector("steps-8192", "N-8", wide, most, accepted(covers=True))
    more = any_of_times(full, 7, m.one_of(*range(1016)))
    yield _vector("steps-8193", "N-8", wide, more, EXHAUSTED)
    # 1 + 7 * 1,025, then 1 for the pair and 1 for a value that is not allowed: the answer comes before the end.
    refusing = any_of_times(full, 7, m.exact(-1), full)
    yield _vector("steps-answered-before", "N-8", wide, refusing, accepted(covers=False))
    # Asking about a listed value takes what section 8.2 says: 400 for the members of the list, 2 more for each of them.
    zeros = m.exact([0] * 400)
    parent = m.each(m.all_of(m.integers(0), m.integers(None, 0)))
    # 1 + 6 * (1 for the pair + 1 for the value + 400 + 800) = 7,213; with 7 of them 8,415.
    yield _vector("steps-6-lists", "N-8 A-5", parent, any_of_times(zeros, 6), accepted(covers=True))
    yield _vector("steps-7-lists", "N-8 A-5", parent, any_of_times(zeros, 7), EXHAUSTED)


AREA = Area(
    "covers",
    "The rules of covering, one by one.",
    [*numbers(), *listing(), *strings(), *networks(), *composites(), *logic(), *negations(), *steps()],
)
