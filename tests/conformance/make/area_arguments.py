"""Arguments as JSON: SPEC section 5.1 (S-1, S-2), P-1 and A-3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.make.keys import sha256
from conformance.make.vector import Area, Data, Vector, accepted, refused, repeated, text

INVALID, LARGE = refused("arguments_invalid"), refused("arguments_too_large")


def _canonical(name: str, says: str, spec: str, content: str) -> Vector:
    expect = accepted(digest=sha256(content.encode()))
    return Vector(f"arguments-{name}", "arguments", says, tuple(spec.split()), {"arguments": text(content)}, expect)


def _refused(name: str, says: str, spec: str, content: str | Data, expect: dict[str, Any] = INVALID) -> Vector:
    given = text(content) if isinstance(content, str) else content
    return Vector(f"arguments-{name}", "arguments", says, tuple(spec.split()), {"arguments": given}, expect)


def canonical() -> Iterator[Vector]:
    """Bytes in RFC 8785 form."""
    for name, content in (
        ("none", "{}"),
        ("one", '{"path":"/srv/a.txt"}'),
        ("types", '{"a":null,"b":true,"c":false,"d":"x","e":-1,"f":0.5,"g":[],"h":{}}'),
        ("nested", '{"a":[{"b":[1,"2",null]}]}'),
        ("empty-name", '{"":1}'),
        ("escapes", '{"a":"\\b\\t\\n\\f\\r\\"\\\\\\u0000\\u001f"}'),
        ("solidus", '{"a":"/"}'),
        ("not-ascii", '{"a":"é€😀"}'),
        ("delete", '{"a":"\x7f\u0080"}'),
        ("utf16-order", '{"\U0001f600":1,"\ufb33":2}'),
        ("case-order", '{"A":1,"B":2,"a":3}'),
        ("prefix-order", '{"a":1,"aa":2,"ab":3}'),
        ("not-normalised", '{"a":"e\u0301"}'),
        ("largest-integer", '{"a":9007199254740991}'),
        ("smallest-integer", '{"a":-9007199254740991}'),
        ("fraction", '{"a":0.1}'),
        ("small-fraction", '{"a":0.000001}'),
        ("exponent-small", '{"a":1e-7}'),
        ("digits", '{"a":0.30000000000000004}'),
        ("smallest-double", '{"a":5e-324}'),
        ("negative-fraction", '{"a":-1.5}'),
        ("precise", '{"a":4503599627370495.5}'),
    ):
        yield _canonical(name, f"RFC 8785 JSON: {name.replace('-', ' ')}.", "A-3 P-1 S-1", content)


def spellings() -> Iterator[Vector]:
    """Bytes that say the same otherwise, or nothing at all (A-3)."""
    for name, content in (
        ("space", '{"a": 1}'),
        ("newline", '{"a":1}\n'),
        ("space-before", ' {"a":1}'),
        ("unsorted", '{"b":1,"a":2}'),
        ("utf8-order", '{"\ufb33":2,"\U0001f600":1}'),
        ("twice", '{"a":1,"a":1}'),
        ("twice-other", '{"a":1,"a":2}'),
        ("integer-as-fraction", '{"a":1.0}'),
        ("integer-with-exponent", '{"a":1e2}'),
        ("trailing-zero", '{"a":0.50}'),
        ("negative-zero", '{"a":-0}'),
        ("negative-zero-fraction", '{"a":-0.0}'),
        ("plus", '{"a":+1}'),
        ("leading-zero", '{"a":01}'),
        ("no-leading-zero", '{"a":.5}'),
        ("no-fraction", '{"a":1.}'),
        ("hexadecimal", '{"a":0x10}'),
        ("upper-exponent", '{"a":1E-7}'),
        ("long-exponent", '{"a":1e-07}'),
        ("too-many-digits", '{"a":0.1000000000000000055}'),
        ("escaped-letter", '{"a":"\\u0061"}'),
        ("escaped-solidus", '{"a":"\\/"}'),
        ("escaped-upper-case", '{"a":"\\u001F"}'),
        ("escaped-newline-long", '{"a":"\\u000a"}'),
        ("raw-newline", '{"a":"\n"}'),
        ("surrogate-escapes", '{"a":"\\ud83d\\ude00"}'),
        ("lone-surrogate", '{"a":"\\ud83d"}'),
        ("lone-surrogate-name", '{"\\udc00":1}'),
        ("trailing-comma", '{"a":1,}'),
        ("comment", '{"a":1}//'),
        ("single-quotes", "{'a':1}"),
        ("cut-short", '{"a":1'),
        ("second-value", '{"a":1}{}'),
        ("list", '["a"]'),
        ("string", '"a"'),
        ("null", "null"),
        ("number", "1"),
        ("nan", '{"a":NaN}'),
        ("infinity", '{"a":Infinity}'),
        ("empty", ""),
    ):
        yield _refused(name, f"Not RFC 8785 JSON of an object: {name.replace('-', ' ')}.", "A-3", content)
    for name, data in (
        ("byte-order-mark", "efbbbf7b7d"),
        ("utf16", "7b007d00"),
        ("not-utf8", "7b2261223a22ff227d"),
        ("overlong", "7b2261223a22c080227d"),
        ("surrogate-in-utf8", "7b2261223a22eda080227d"),
    ):
        yield _refused(name, f"Not UTF-8 as it should be: {name.replace('-', ' ')}.", "A-3", data)


def numbers() -> Iterator[Vector]:
    """Numbers that are no values (S-2)."""
    for name, number in (
        ("integer-too-large", "9007199254740992"),
        ("integer-too-small", "-9007199254740992"),
        ("integer-much-too-large", "100000000000000000000"),
        ("exponent-too-large", "1e+21"),
        ("largest-double", "1.7976931348623157e+308"),
        ("past-doubles", "1e+400"),
    ):
        yield _refused(name, f"A number that is no value: {number}.", "S-2 A-3", f'{{"a":{number}}}')


def limits() -> Iterator[Vector]:
    """As much as there may be (A-3)."""
    long = 1_048_576 - len('{"a":""}')
    most = [text('{"a":"'), repeated(text("x"), long), text('"}')]
    digest = sha256(b'{"a":"' + b"x" * long + b'"}')
    yield _large("largest", "Arguments of 1 MiB.", most, accepted(digest=digest))
    most = [text('{"a":"'), repeated(text("x"), long + 1), text('"}')]
    yield _large("too-large", "A byte more.", most, LARGE)
    yield _large("too-large-and-no-json", "Too large is too large, whatever it is.", [repeated("7b", 1_048_577)], LARGE)
    members = b'{"a":[' + b"0," * 4_094 + b"0]}"
    yield _large("most-values", "4,096 values.", _list(4_095), accepted(digest=sha256(members)))
    yield _large("too-many-values", "4,097 values.", _list(4_096), LARGE)
    # Each of the 1,023 counts as four: with the list 4,093; 3 more make 4,096.
    small = b'{"a":[' + b"1e-7," * 1_023 + b"0.000001,0,5]}"
    most = [text('{"a":['), repeated(text("1e-7,"), 1_023), text("0.000001,0,5]}")]
    yield _large("most-exponents", "1,023 numbers with an exponent.", most, accepted(digest=sha256(small)))
    for name, number in (("", "1e-7"), ("-negative", "-9.9e-7"), ("-smallest", "5e-324")):
        most = [text('{"a":['), repeated(text("1e-7,"), 1_023), text(f"{number}]}}")]
        yield _large(f"too-many-exponents{name}", "1,024 numbers with an exponent.", most, LARGE)
    deep = b'{"a":' + b"[" * 32 + b"]" * 32 + b"}"
    yield _large("deepest", "Lists 32 deep inside the arguments.", deep.hex(), accepted(digest=sha256(deep)))
    deep = b'{"a":' + b"[" * 33 + b"]" * 33 + b"}"
    yield _large("too-deep", "Lists 33 deep.", deep.hex(), INVALID)
    deep = b'{"a":' * 33 + b"1" + b"}" * 33
    yield _large("deepest-objects", "Objects 32 deep inside the arguments.", deep.hex(), accepted(digest=sha256(deep)))
    deep = b'{"a":' * 34 + b"1" + b"}" * 34
    yield _large("too-deep-objects", "Objects 33 deep.", deep.hex(), INVALID)
    much = [text('{"a":'), repeated(text("["), 100_000), repeated(text("]"), 100_000), text("}")]
    yield _large("much-too-deep", "Lists 100,000 deep.", much, INVALID)


def _list(members: int) -> Data:
    return [text('{"a":['), repeated(text("0,"), members - 1), text("0]}")]


def _large(name: str, says: str, content: Data, expect: dict[str, Any]) -> Vector:
    return Vector(f"arguments-{name}", "arguments", says, ("A-3",), {"arguments": content}, expect)


def taken() -> Iterator[Vector]:
    """Any spelling of JSON, where values do not arrive as bytes (S-1)."""
    for name, content, form in (
        ("space", ' { "b" : 1 , "a" : [ ] } ', '{"a":[],"b":1}'),
        ("integral", '{"a":1.0,"b":10e1,"c":-0.0,"d":-0,"e":1e0}', '{"a":1,"b":100,"c":0,"d":0,"e":1}'),
        ("fractions", '{"a":0.50,"b":5e-1,"c":1E-7}', '{"a":0.5,"b":0.5,"c":1e-7}'),
        ("escapes", '{"\\u0061":"\\u00e9\\/\\ud83d\\ude00"}', '{"a":"é/😀"}'),
        ("order", '{"\ufb33":2,"\U0001f600":1}', '{"\U0001f600":1,"\ufb33":2}'),
        ("largest", '{"a":9007199254740991.0}', '{"a":9007199254740991}'),
        ("rounded", '{"a":0.1000000000000000055}', '{"a":0.1}'),
    ):
        expect = accepted(canonical=form.encode(), digest=sha256(form.encode()))
        yield Vector(
            f"json-{name}",
            "canonical-json",
            f"JSON in another spelling: {name}.",
            ("S-1", "P-1"),
            {"json": text(content)},
            expect,
        )
    for name, content in (
        ("too-large", '{"a":9007199254740992}'),
        ("too-small", '{"a":-9007199254740992}'),
        ("too-large-fraction", '{"a":9007199254740992.0}'),
        ("too-large-exponent", '{"a":1e16}'),
        ("nested", '{"a":[{"b":1e300}]}'),
    ):
        yield Vector(
            f"json-{name}",
            "canonical-json",
            "An integer outside the range.",
            ("S-2",),
            {"json": text(content)},
            INVALID,
        )


AREA = Area("arguments", "Arguments as RFC 8785 JSON.", [*canonical(), *spellings(), *numbers(), *limits(), *taken()])
