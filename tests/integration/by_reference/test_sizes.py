"""What a reference saves of 5,632 bytes of metadata and 6,144 characters of headers."""

from __future__ import annotations

from delegation_sdk.context import to_headers, to_metadata

DEPTH = 8


def sizes(carriage):
    """Bytes of gRPC metadata, and characters of HTTP headers."""
    return sum(len(value) for _, value in to_metadata(carriage)), sum(map(len, to_headers(carriage).values()))


def test_a_call_by_reference_is_small_at_any_depth(guard, task):
    by_value, by_reference = [], []
    delegation = task
    for _ in range(DEPTH):
        known, call = (delegation.call("files", "read", {"path": "/srv/a"}) for _ in range(2))
        assert guard.authorize(known.carriage, "read", known.arguments)
        assert guard.authorize(call.reference, "read", call.arguments)
        by_value.append(sizes(call.carriage))
        by_reference.append(sizes(call.reference))
        delegation = delegation.hand_off("spiffe://test.example/agent/helper")

    assert set(by_reference) == {by_reference[0]}
    metadata_bytes, header_characters = by_reference[0]
    assert metadata_bytes == 32 + len(call.carriage.proof) < 220
    assert header_characters == 43 + len(to_headers(call.carriage)["Delegation-Proof"]) < 300
    assert by_value == sorted(by_value)
    assert by_value[0][0] > 2 * metadata_bytes
    assert by_value[-1][0] > 10 * metadata_bytes
    assert by_value[-1][1] > 10 * header_characters
