"""Fuzzing fuzzes: seeds are what they should be, mutations reach the fields, and a defect would be noticed."""

from __future__ import annotations

import json
from random import Random

import pytest

from delegation.core import codec, proof, statement, verify
from delegation.core.codec import canonical
from delegation.core.scope import Scope
from delegation.core.statement import StatementKind
from delegation.v1 import (
    approval_service_pb2,
    authorization_service_pb2,
    chain_pb2,
    delegation_service_pb2,
    lineage_service_pb2,
    statement_pb2,
    trust_service_pb2,
)
from fuzz import rpc_messages, run, seeds, signed
from fuzz.message_mutations import change_message, places
from fuzz.mutator import mutator
from fuzz.rpc_seeds import filled
from fuzz.target import ACCEPTED, AmbiguousError, ForgedError, Target
from fuzz.targets import TARGETS
from fuzz.wire_mutations import change_wire

DECODED_BY = {
    "decode_approval": "approval",
    "decode_batch": "batch",
    "decode_binding": "binding",
    "decode_break_glass": "break-glass",
    "decode_bundle": "bundle",
    "decode_catalogue": "catalogue",
    "decode_feed_entry": "feed-entry",
    "decode_link": "link",
    "decode_offer": "offer",
    "decode_outcome": "outcome",
    "decode_proof": "proof",
    "decode_receipt": "receipt",
    "decode_record": "record",
    "decode_scope": "scope",
    "decode_signed_approval": "signed-approval",
    "decode_statement": "statement",
}


SERVICES = (
    approval_service_pb2,
    authorization_service_pb2,
    delegation_service_pb2,
    lineage_service_pb2,
    trust_service_pb2,
)
SAY_NOTHING_TO_READ = {"AuthorizeStreamRequest", "GetTrustBundleRequest", "WatchRevocationsRequest"}
"""Empty, a number, or another request in an envelope."""


def test_every_decoder_of_the_codec_has_a_target():
    assert {name for name in codec.__all__ if name.startswith("decode_")} == set(DECODED_BY)
    assert set(DECODED_BY.values()) <= set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_answered_and_some_are_accepted(name):
    target = TARGETS[name]
    assert ACCEPTED in set(map(target.came_of, target.seeds()))
    assert all(len(seed) <= target.max_bytes for seed in target.seeds())
    target.came_of(b"")


@pytest.mark.parametrize("name", TARGETS)
def test_all_bytes_of_the_vectors_are_answered(name):
    target = TARGETS[name]
    came_of = [target.came_of(data) for data in seeds.in_vectors() if len(data) <= target.max_bytes]
    assert len(came_of) > 1000


@pytest.mark.parametrize("reader", rpc_messages.READERS, ids=lambda reader: f"{reader.name}-{reader.kind.__name__}")
def test_every_reader_of_messages_has_a_seed_that_it_takes(reader):
    reader.attempt(filled(reader.kind, rpc_messages.CONTRADICTIONS))


def test_every_message_that_is_sent_to_the_service_is_read_by_a_target():
    services = [service for module in SERVICES for service in module.DESCRIPTOR.services_by_name.values()]
    sent = {method.input_type.name for service in services for method in service.methods}
    read = {reader.kind.DESCRIPTOR.name for reader in rpc_messages.REQUESTS}
    assert sent - read == SAY_NOTHING_TO_READ


def test_every_kind_of_statement_that_is_opened_is_a_seed():
    assert {each.kind for each in seeds.signed_statements()} == set(signed._OPEN)
    assert set(signed._OPEN) < set(StatementKind)


def test_every_kind_of_constraint_is_among_the_seeds():
    scope = codec.scope_to_message(Scope(*seeds.of_each_kind()))
    kinds = {place.WhichOneof("kind") for place in places(scope) if isinstance(place, chain_pb2.Constraint)}
    assert kinds == {field.name for field in chain_pb2.Constraint.DESCRIPTOR.fields}


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if target.structured])
def test_mutations_reach_what_is_behind_the_parser(name):
    target, random = TARGETS[name], Random(name)
    change = mutator(target, lambda data, _: data[: random.randint(0, len(data))], random)
    starts = target.seeds()
    made = [change(random.choice(starts), target.max_bytes, 0) for _ in range(400)]
    came_of = [target.came_of(data) for data in made]
    assert all(len(data) <= target.max_bytes for data in made)
    assert any(reason not in ("malformed", "not_canonical", "NoInputError") for reason in came_of)


def test_a_changed_message_is_canonical_and_says_something_else():
    (receipt,) = TARGETS["receipt"].seeds()
    random = Random(1)
    changed = {change_message(statement_pb2.Receipt, receipt, receipt, random) for _ in range(200)}
    assert len(changed) > 20
    read = [TARGETS["receipt"].came_of(each) for each in changed if each is not None]
    assert {"accepted", "field_invalid"} <= set(read)
    assert "not_canonical" not in read


def test_a_message_inside_another_is_changed_too():
    token, random = TARGETS["verify-cold"].seeds()[1], Random(2)
    frames = codec.parse_token(token).frames
    inside = 0
    for _ in range(100):
        changed = chain_pb2.Chain.FromString(change_message(chain_pb2.Chain, token, token, random) or b"")
        if len(changed.links) == len(frames):
            inside += sum(link.payload != frame.payload for link, frame in zip(changed.links, frames, strict=True))
    assert inside > 5


def test_a_message_written_otherwise_says_the_same_or_is_no_message():
    (receipt,), random = TARGETS["receipt"].seeds(), Random(3)
    came_of = {TARGETS["receipt"].came_of(change_wire(receipt, random) or b"") for _ in range(200)}
    assert came_of >= {"not_canonical"}
    assert came_of <= {"not_canonical", "malformed", "field_invalid", "accepted"}


FOUND = {
    "kept": [b'["{}",{},Infinity]', b'["{}",{},1.5]'],
    "notation": [
        b'[{"audience": "a", "tool": "t", "arguments": {"x": {"decimal_text": {"range": ["0.5"], "at_least": []}}}}]',
    ],
}
"""Inputs that fuzzing has found to leak another exception, as small as they get."""


@pytest.mark.parametrize(("name", "data"), [(name, data) for name, inputs in FOUND.items() for data in inputs])
def test_what_was_found_once_is_refused(name, data):
    assert TARGETS[name].came_of(data) != ACCEPTED


# -- a defect would be noticed -----------------------------------------------------------------------------------


def flipped(name: str, seed: int, after: bytes) -> bytes:
    """Flip a bit of a seed just after some bytes."""
    data = bytearray(TARGETS[name].seeds()[seed])
    data[data.index(after) + len(after)] ^= 1
    return bytes(data)


@pytest.mark.parametrize(
    ("name", "module", "data"),
    [
        ("proof", proof, lambda: flipped("proof", 0, b"\x3a\x10")),
        ("statement", statement, lambda: flipped("statement", 0, b"\x0a\x20")),
        ("verify-cold", verify, lambda: flipped("verify-cold", 7, b"\x12\x10")),
        ("verify-warm", verify, lambda: flipped("verify-warm", 7, b"\x12\x10")),
    ],
)
def test_a_signature_that_is_not_checked_would_be_noticed(monkeypatch, name, module, data):
    assert TARGETS[name].came_of(data()) != ACCEPTED
    monkeypatch.setattr(module, "verify", lambda *_: None)
    with pytest.raises(ForgedError):
        TARGETS[name].came_of(data())


def test_a_second_encoding_would_be_noticed(monkeypatch):
    monkeypatch.setattr(canonical, "require_canonical", lambda *_: None)
    (receipt,) = TARGETS["receipt"].seeds()
    with pytest.raises(AmbiguousError):
        TARGETS["receipt"].came_of(receipt + b"\x18\x01")


def test_a_wider_link_would_be_noticed(monkeypatch):
    monkeypatch.setattr(verify, "narrower", lambda *_: None)
    with pytest.raises(ForgedError):
        list(map(TARGETS["holder"].came_of, TARGETS["holder"].seeds()))


def test_a_defect_is_written_down_with_how_to_see_it_again(tmp_path, monkeypatch):
    pytest.importorskip("atheris", reason="`make fuzz` installs it")
    from fuzz import harness

    ended = []
    monkeypatch.setattr(harness.os, "_exit", ended.append)

    def attempt(data: bytes) -> None:
        if data == b"bad":
            raise ValueError("leaked")

    tried = harness.Harness(Target("toy", attempt, lambda: (b"",)), tmp_path, runs=3, seconds=0)
    for data in (b"good", b"bad", b"bad"):
        tried.try_input(data)
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["inputs"], result["came_of"], ended) == (3, {ACCEPTED: 1}, [0])
    (defect,) = result["defects"]
    assert "leaked" in defect["error"]
    assert (tmp_path / defect["file"]).read_bytes() == b"bad"


def test_what_was_found_from_other_seeds_is_forgotten(tmp_path):
    pytest.importorskip("atheris", reason="`make fuzz` installs it")
    from fuzz import harness

    toy = Target("toy", lambda _: None, lambda: (b"one",))
    (harness._corpus(toy, tmp_path) / "found").write_bytes(b"x")
    assert [path.name for path in harness._corpus(toy, tmp_path).iterdir()] == ["found"]
    assert list(harness._corpus(toy._replace(seeds=lambda: (b"two",)), tmp_path).iterdir()) == []


def test_a_short_run_prints_a_row_a_target(tmp_path, capsys):
    pytest.importorskip("atheris", reason="`make fuzz` installs it")
    assert run.main(["--runs", "500", "--directory", str(tmp_path), "receipt", "headers"]) == 0
    _, *rows = capsys.readouterr().out.splitlines()
    assert [row.split()[:2] for row in rows] == [["receipt", "500"], ["headers", "500"]]
    with pytest.raises(SystemExit):
        run.main(["no-such-target"])
