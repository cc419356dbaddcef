"""proto/SPEC.md against the code: whatever stands in both is compared, in both directions."""

from __future__ import annotations

import hashlib
import inspect
import itertools
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from google.rpc.code_pb2 import Code
from hypothesis import given, settings
from hypothesis import strategies as st

import spec_example
from delegation.core import limits, narrowing, verify
from delegation.core.arguments import Arguments
from delegation.core.authorize import authorize
from delegation.core.codec import scope_from_message
from delegation.core.constraints import Constraint, Negation
from delegation.core.constraints.build import FAMILY
from delegation.core.constraints.covers import COUNTED_PAIRS, PAIRS
from delegation.core.constraints.decimals import number_of_text, parse_decimal
from delegation.core.constraints.domains import EVERY_VALUE, part_of
from delegation.core.constraints.paths import is_normal_path
from delegation.core.constraints.segments import SEPARATORS, segments_of
from delegation.core.constraints.urls import parts_of
from delegation.core.keys import _SMALL_ORDER_Y, Purpose
from delegation.core.names import check_name
from delegation.core.proof import check_proof
from delegation.core.revocation import RevocationKind, RevocationState
from delegation.core.scope import SERVICE_AUDIENCE
from delegation.core.verify import Verifier
from delegation.errors import Reason, Refused, layer_of
from delegation.v1 import chain_pb2, errors_pb2, statement_pb2
from delegation.wire.errors import _CODE_OF_LAYER
from delegation_sdk import carriage

SPEC = spec_example.SPEC.read_text()


def rows(title: str) -> Iterator[list[str]]:
    """Give the cells of the table whose header row begins so; code marks and requirement marks are taken off."""
    head = SPEC.index(f"\n| {title}")
    lines = SPEC[head + 1 :].split("\n\n")[0].splitlines()
    for line in lines[2:]:
        yield [cell.strip().strip("`") for cell in line.strip("|").split("|")]


def section(number: int) -> str:
    return re.split(r"^## \d+\. .*$", SPEC, flags=re.MULTILINE)[number]


# -- requirements --------------------------------------------------------------------------------------------

DEFINED = re.findall(r"\[([A-Z]-\d+)\](?!\()", SPEC)


def test_every_requirement_has_an_id_of_its_own():
    assert len(DEFINED) > 100
    assert sorted(DEFINED) == sorted(set(DEFINED))


def test_ids_of_a_letter_count_up_without_gaps():
    for letter in {each[0] for each in DEFINED}:
        numbers = sorted(int(each[2:]) for each in DEFINED if each[0] == letter)
        assert numbers == list(range(1, len(numbers) + 1)), letter


def test_every_must_stands_in_a_requirement_with_an_id():
    blocks = re.split(r"\n(?=- )|\n\n|\n(?=\|)", "\n".join(section(number) for number in range(2, 16)))
    bare = [block for block in blocks if "MUST" in block and not re.search(r"\[[A-Z]-\d+\]", block)]
    assert [block for block in bare if "The id of a step is the requirement" not in block] == []


def test_every_reference_to_a_requirement_leads_to_one():
    referred = set(re.findall(r"(?<![\[\w-])([A-Z]-\d+)(?![\]\w])", SPEC))
    assert referred <= set(DEFINED)


def test_every_section_that_the_code_names_exists():
    titles = re.findall(r"^## (\d+)\. ", SPEC, flags=re.MULTILINE)
    assert titles == [str(number) for number in range(1, 16)]


# -- verification --------------------------------------------------------------------------------------------


def steps_of_the_code() -> dict[int, str]:
    """Give number and layer of each step in the docstring of verify.py."""
    lines = re.findall(r"^    (\d+) +(.+?) +(\w+)$", verify.__doc__ or "", flags=re.MULTILINE)
    return {int(number): layer for number, _, layer in lines}


def test_steps_of_verification_are_those_of_the_code():
    spec = {int(row[0]): row for row in rows("step | id |") if row[0]}
    assert list(spec) == list(range(1, 16))
    assert {number: row[3] for number, row in spec.items()} == steps_of_the_code()
    ids = {number: f"[V-{number}]" for number in spec} | {
        15: "[V-22]"
    }  # V-15 was given away before there was a step 15
    assert {number: row[1] for number, row in spec.items()} == ids


def test_each_step_is_a_function_or_is_marked_where_it_is_done():
    functions = {
        int(match[1]): function
        for name, function in inspect.getmembers(verify, inspect.isfunction)
        if (match := re.match(r"step_(\d+)_", name))
    }
    for number, function in functions.items():
        assert (function.__doc__ or "").startswith(f"Step {number}: ")
    marked = re.findall(r"# steps (\d+) and (\d+)", inspect.getsource(verify))
    assert {*functions, *(int(number) for pair in marked for number in pair)} == set(steps_of_the_code())


def test_reasons_of_the_steps_exist():
    for row in rows("step | id |"):
        for reason in filter(None, (each.strip(" `") for each in row[4].split(","))):
            assert reason in set(Reason)


# -- tables --------------------------------------------------------------------------------------------------


def test_limits_are_those_of_the_code():
    code = {name: value for name, value in vars(limits).items() if name.isupper()}
    assert {row[0]: int(row[1]) for row in rows("name | value | unit")} == code


@pytest.mark.spec("K-7", "X-4")
def test_domain_tags_are_those_of_the_code():
    assert {row[0]: row[1].encode() for row in rows("purpose | domain tag")} == {
        each.name: each.value for each in Purpose
    }


@pytest.mark.spec("X-6")
def test_reasons_numbers_and_layers_are_those_of_the_code_and_the_contract():
    code = {
        reason: (errors_pb2.ErrorReason.Value(f"ERROR_REASON_{reason.name}"), str(layer_of(reason)))
        for reason in Reason
    }
    assert {row[1]: (int(row[0]), row[2]) for row in rows("no. | reason | layer")} == code


@pytest.mark.spec("X-3")
def test_status_codes_are_those_of_the_code():
    code = {str(layer): Code.Name(number) for layer, number in _CODE_OF_LAYER.items()}
    assert {row[0]: row[1] for row in rows("layer | gRPC code")} == code


def test_fields_of_a_link_and_their_rules_are_those_of_the_contract_and_the_code():
    fields = [field.name for field in chain_pb2.Link.DESCRIPTOR.fields]
    assert [row[0] for row in rows("field | rule")] == fields == list(narrowing.RULES)
    described = [name.strip(" `") for row in rows("field | value |") for name in row[0].split(",")]
    assert described == fields


@pytest.mark.spec("X-6")
def test_kinds_of_revocation_are_those_of_the_code():
    code = {str(kind): statement_pb2.RevocationKind.Value(f"REVOCATION_KIND_{kind.name}") for kind in RevocationKind}
    assert {row[0]: int(row[1]) for row in rows("kind | no. | id")} == code


@pytest.mark.spec("H-5")
def test_carriage_is_that_of_the_code():
    names = {row[0]: tuple(row[1:4]) for row in rows("where | chain | proof")}
    assert names["gRPC metadata"] == (carriage.CHAIN_METADATA, carriage.PROOF_METADATA, carriage.DIGEST_METADATA)
    assert names["HTTP headers"] == (carriage.CHAIN_HEADER, carriage.PROOF_HEADER, carriage.DIGEST_HEADER)
    members = [re.split(r"` → `|the same → `", cell)[-1] for cell in names["MCP `params._meta"]]
    assert names["MCP `params._meta"][0].startswith(carriage.META_KEY)
    assert members == [carriage.CHAIN_MEMBER, carriage.PROOF_MEMBER, carriage.DIGEST_MEMBER]
    assert f"{carriage.MAX_METADATA_BYTES:,} bytes" in section(11)
    assert f"{carriage.MAX_HEADER_BYTES:,} characters" in section(11)
    assert SERVICE_AUDIENCE in section(7)


# -- constraints ---------------------------------------------------------------------------------------------

KINDS = {field.name: field.number for field in chain_pb2.Constraint.DESCRIPTOR.fields}
KIND_ROWS = {row[0]: row for row in rows("kind | no. | speaks of")}
NUMBERS = chain_pb2.ScalarSet(integers=[1], has_true=True)
WHATEVER = chain_pb2.Constraint(anything=True)
MESSAGES = {
    "exact_composite": chain_pb2.Value(list=chain_pb2.ValueList()),
    "one_of": NUMBERS,
    "not_one_of": NUMBERS,
    "integer_range": chain_pb2.IntegerRange(maximum=0),
    "decimal_range": chain_pb2.DecimalRange(maximum="1"),
    "decimal_text": chain_pb2.DecimalRange(maximum="1"),
    "length": chain_pb2.LengthRange(maximum=5),
    "segment_glob": chain_pb2.SegmentGlob(pattern="a/*"),
    "url": chain_pb2.UrlPattern(schemes=["https"], host="example.test"),
    "list_subset": NUMBERS,
    "list_contains": NUMBERS,
    "each": WHATEVER,
    "fields": chain_pb2.Fields(),
    "negation": chain_pb2.Constraint(sub_path="/"),
    "all_of": chain_pb2.ConstraintList(constraints=[WHATEVER]),
    "any_of": chain_pb2.ConstraintList(constraints=[WHATEVER]),
}
SCALARS = {"exact_decimal": "0.5", "sub_path": "/", "cidr": "10.0.0.0/8", "exact_boolean": False, "exact_integer": 1}
DOMAINS = {
    "exact_composite": {"lists"},
    "one_of": {"numbers", "booleans"},
    "not_one_of": {"numbers", "booleans"},
    "segment_glob": {"strings in segments by /"},
    "negation": {"strings in path normal form"},
    "all_of": {"every value"},
    "any_of": {"every value"},
}
"""What those of `MESSAGES` speak of whose row says that it depends."""


def decoded(kind: str) -> Constraint:
    """Decode some constraint of a kind."""
    value = MESSAGES.get(kind, SCALARS.get(kind, "a" if KINDS[kind] not in (1, 2) else True))
    argument = chain_pb2.Argument(name="a", constraint=chain_pb2.Constraint(**{kind: value}))
    scope = chain_pb2.Scope(capabilities=[chain_pb2.Capability(audience="x", tool="y", arguments=[argument])])
    return scope_from_message(scope).capabilities[0].arguments["a"].constraint


def class_of(kind: str) -> str:
    """Give the name of the class of a kind."""
    return "Exact" if kind.startswith("exact_") else kind.title().replace("_", "")


def test_every_kind_of_constraint_is_listed_with_its_number():
    assert {kind: int(row[1]) for kind, row in KIND_ROWS.items()} == KINDS


def test_every_kind_of_constraint_has_a_class_and_every_class_a_kind():
    assert {class_of(kind) for kind in KINDS} == {kind.__name__ for kind in FAMILY}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_constraint_speaks_of_what_the_spec_says(kind):
    constraint = decoded(kind)
    assert type(constraint).__name__ == class_of(kind)
    assert constraint.domain == DOMAINS.get(kind, set(KIND_ROWS[kind][2].split(", ")))


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_constraint_can_be_negated_as_the_spec_says(kind):
    (numbers,) = re.findall(r"in a `negation` MUST be one of kinds (.+?), a `one_of` without null", SPEC)
    spans = [tuple(map(int, span.split(" to "))) for span in numbers.replace(" and ", ", ").split(", ")]
    negatable = any(span[0] <= KINDS[kind] <= span[-1] for span in spans)
    assert accepts(lambda: Negation.of(decoded(kind))) == negatable


@pytest.mark.spec("N-7")
def test_pairs_with_a_rule_of_covering_are_those_of_the_code():
    code = {(parent.__name__, child.__name__) for parent, child in (*PAIRS, *COUNTED_PAIRS)}
    spec = {
        (class_of(row[0]), class_of(child.strip(" `")))
        for row in rows("parent | child | covered if")
        for child in row[1].split(",")
    }
    assert spec == code
    assert not PAIRS.keys() & COUNTED_PAIRS.keys()


def test_parts_of_the_strings_are_those_that_the_spec_names():
    """And integers are part of the numbers; nothing else is part of anything but itself."""
    domains = {word for kind in KINDS for word in decoded(kind).domain} | {"null", "objects"}
    parts = {(a, b) for a in domains for b in domains if a != b and part_of(frozenset({a}), frozenset({b}))}
    of_strings = {word for word in domains if word.startswith("strings in ")} | {"decimal text"}
    assert parts == {("integers", "numbers"), *((word, "strings") for word in of_strings)}
    assert not part_of(EVERY_VALUE, EVERY_VALUE)


def test_separators_are_those_of_the_code():
    (listed,) = re.findall(r"which means `/`, or one of `(.+?)` and space", SPEC)
    assert {*listed.split(" "), " ", "/"} == SEPARATORS


# -- normal forms, from the page ------------------------------------------------------------------------------

TEXTS = st.text(st.sampled_from("-+0159.eE_ ٣") | st.characters(), max_size=12)
PATHS = st.text(st.sampled_from("/.%\\2eEaz\0\x7f\x85é "), max_size=12).map("/".__add__)


@pytest.mark.spec("S-3")
@given(TEXTS)
def test_decimal_normal_form_is_that_of_the_code(text):
    (grammar,) = re.findall(r"\*\*Decimal normal form\.\*\* `(.+?)`", SPEC)
    normal = re.fullmatch(grammar, text) is not None and text != "-0"
    assert accepts(lambda: parse_decimal(text)) == normal


@pytest.mark.spec("S-13")
@given(PATHS)
def test_path_normal_form_is_that_of_the_code(path):
    controls = {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))}
    normal = path == "/" or not (
        path.endswith("/")
        or "//" in path
        or "\\" in path
        or {".", ".."} & set(path.split("/"))
        or controls & set(path)
        or re.search("%[0-9a-fA-F]{2}", path)
    )
    assert is_normal_path(path) == normal


@given(TEXTS)
def test_decimal_text_is_that_of_the_code(text):
    (grammar,) = re.findall(r"\*\*Decimal text\.\*\* `(.+?)`", SPEC)
    negative_zero = text.startswith("-") and not text.strip("-0.")
    assert (number_of_text(text) is not None) == (re.fullmatch(grammar, text) is not None and not negative_zero)


@given(PATHS, st.sampled_from("/.:- "))
def test_segments_are_those_of_the_code(text, separator):
    controls = {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))}
    bad = "\\" in text or controls & set(text) or re.search("%[0-9a-fA-F]{2}", text)
    pieces = text.split(separator)
    in_segments = not bad and not {".", ".."} & set(pieces) and not (separator == "/" and "" in pieces[1:])
    assert (segments_of(text, separator) is not None) == in_segments


URLS = st.text(st.sampled_from("abz09AZ.-_~%/:?#@;=!$&'()*+,\\é 0x"), max_size=14)
HOSTS = st.sampled_from(
    [
        "a.b",
        "10.0.0.1",
        "0x7f.1",
        "a.0x1g",
        "1.2.3",
        "01.2.3.4",
        "256.1.1.1",
        "a-.b",
        "a..b",
        "a.b.",
        "0x",
        "a.b:80",
        "a.b:443",
        "a:8",
    ]
)


@given(st.builds("{}://{}{}".format, st.sampled_from(["http", "https", "a+b", "1a", "A", ""]), HOSTS | URLS, URLS))
@settings(max_examples=600)
def test_url_normal_form_is_that_of_the_code(text):
    """Written once more, piece by piece, as the page says it."""
    assert (parts_of(text) is not None) == is_url_of_the_page(text)


def is_url_of_the_page(text: str) -> bool:
    scheme, found, rest = text.partition("://")
    if not found or not re.fullmatch("[a-z][a-z0-9+.-]*", scheme):
        return False
    before_query, asked, query = rest.partition("?")
    authority, slash, path = before_query.partition("/")
    if asked and not slash:
        return False
    host, colon, port = authority.partition(":")
    defaults = {"http": "80", "ws": "80", "https": "443", "wss": "443", "ftp": "21"}
    if colon and not (re.fullmatch("[1-9][0-9]*", port) and int(port) <= 65535 and port != defaults.get(scheme)):
        return False
    characters = set(PATH_CHARACTERS)
    return is_host(host) and is_path(slash + path, characters) and only(query, characters | {"?"}) is not None


PATH_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/"


def is_host(host: str) -> bool:
    labels = host.split(".")
    if len(host) > 253 or not all(re.fullmatch("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", label) for label in labels):
        return False
    if re.fullmatch("[0-9]+|0x[0-9a-f]*", labels[-1]):
        return len(labels) == 4 and all(label in {str(n) for n in range(256)} for label in labels)
    return True


def is_path(path: str, characters: set[str]) -> bool:
    triplets = only(path, characters)
    if triplets is None or "//" in path:
        return False
    if any(piece in (".", "..") or piece.startswith((".;", "..;")) for piece in path.split("/")):
        return False
    try:
        unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return False
    never = {*range(0x20), 0x7F, *map(ord, "%/\\;-._~"), *(n for n in range(128) if chr(n).isalnum())}
    return not never & triplets


def only(text: str, characters: set[str]) -> set[int] | None:
    """Give the bytes that triplets stand for; None if there is anything else than these characters and triplets."""
    found = re.findall("%([0-9A-F]{2})", text)
    return {int(each, 16) for each in found} if set(re.sub("%[0-9A-F]{2}", "", text)) <= characters else None


@pytest.mark.spec("F-5")
@given(st.text(max_size=8) | st.text(st.characters(categories=["Z", "Cc", "Cf", "Co", "Cn"]), max_size=2))
def test_names_are_those_of_the_code(name):
    printable = all(each == " " or unicodedata.category(each)[0] not in "CZ" for each in name)
    assert accepts(lambda: check_name(name, "a name")) == (bool(name) and printable)


def accepts(check) -> bool:
    try:
        check()
    except Refused as refused:
        return refused.reason is not Reason.FIELD_INVALID
    return True


@pytest.mark.spec("K-2")
def test_small_order_keys_are_those_of_the_code():
    p = 2**255 - 19
    (order_8,) = map(int, re.findall(r"\b\d{70,}\b", section(4)))
    assert {0, 1, p - 1, order_8, p - order_8} == _SMALL_ORDER_Y


# -- the example ---------------------------------------------------------------------------------------------


def test_example_is_what_the_code_makes():
    assert spec_example.shown(SPEC) == spec_example.page()


def test_example_verifies_and_permits_just_what_it_says():
    example = spec_example.make()
    now_ms = spec_example.T0_MS + 2_000
    chain = Verifier(spec_example.TRUST).verify(
        example.token, now_ms=now_ms, revocations=RevocationState.nothing_revoked()
    )
    call = {"audience": spec_example.AUDIENCE, "tool": spec_example.TOOL}
    check_proof(example.proof, chain, **call, arguments_digest=example.arguments.digest, now_ms=now_ms)
    authorize(chain, **call, arguments=example.arguments)
    with pytest.raises(Refused, match="argument_refused at link 1"):
        authorize(chain, **call, arguments=Arguments.of({"path": "/srv/other.txt"}))


def hexadecimal(after: str) -> bytes:
    """Give the bytes that the page shows below a heading of the example, under "all of it"."""
    lines = spec_example.shown(SPEC).split(after)[1].split("all of it:\n")[1].splitlines()
    return bytes.fromhex("".join(itertools.takewhile(lambda line: line.startswith("    "), lines)))


@pytest.mark.spec("K-6", "K-8", "P-1")
def test_example_can_be_checked_from_the_page_with_another_library():
    token, proof = hexadecimal("token: Chain"), hexadecimal("proof: SignedProof")
    keys = dict(re.findall(r"^  (grant key|alice|bob) +\d\d  (\w{64})", spec_example.shown(SPEC), flags=re.MULTILINE))
    signer = {name: Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)) for name, key in keys.items()}
    # Section 2.1, at the offsets that the example shows: key and length of frame and payload take 3 bytes each.
    grant, grant_signature = token[6:248], token[250:314]
    handoff, handoff_signature = token[320:462], token[464:528]
    signed = b"\x13delegation/v1/grant" + grant
    signer["grant key"].verify(grant_signature, signed)
    signed = b"\x15delegation/v1/handoff" + hashlib.sha256(signed).digest() + handoff
    signer["alice"].verify(handoff_signature, signed)
    payload, proof_signature = proof[2:110], proof[112:]
    signer["bob"].verify(proof_signature, b"\x13delegation/v1/proof" + payload)
    assert hashlib.sha256(signed).digest() == payload[4:36]
    assert hashlib.sha256(b'{"path":"/srv/docs/a.txt"}').digest() in payload


def test_annotations_of_the_example_cover_every_byte():
    example = spec_example.make()
    for link in (example.grant, example.handoff):
        lines = spec_example.dissect(link.payload, spec_example._LINK)
        shown = [bytes.fromhex(line.strip().split("  ")[0]) for line in lines]
        assert b"".join(shown) == link.payload
