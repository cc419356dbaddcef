"""What is decided from is what was signed, byte for byte: another encoding of it is another message."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from delegation.core.attest import open_receipt
from delegation.core.codec import join_token
from delegation.core.keys import Purpose, link_id, signing_input
from delegation.errors import Reason, Refused
from support.chains import STATEMENTS, chain, receipt, verify

MADE = chain("root -> planner -> tool", unrecorded=True).with_statements()
OTHERWISE: dict[str, Callable[[bytes], bytes]] = {
    "a field of no message": lambda payload: payload + b"\xf8\x07\x01",
    "the first field last": lambda payload: payload[2:] + payload[:2],
    "the first field twice": lambda payload: payload + payload[:2],
    "a varint with a byte too many": lambda payload: b"\x08\x81\x00" + payload[2:],
}
"""Other encodings of a link, all of which a protobuf parser reads as the same; the first field is the version."""


def reason_of(token: bytes) -> tuple[Reason, int | None]:
    with pytest.raises(Refused) as caught:
        verify(token)
    return caught.value.reason, caught.value.link_index


@pytest.mark.spec("C-11", "V-4")
@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("how", OTHERWISE)
def test_a_signature_over_the_canonical_form_is_none_over_other_bytes(how: str, index: int):
    """Whoever re-encodes before checking would find the signature good."""
    frames = MADE.frames
    frames[index] = frames[index]._replace(payload=OTHERWISE[how](frames[index].payload))
    assert reason_of(join_token(frames)) == (Reason.SIGNATURE_INVALID, index)


@pytest.mark.spec("C-10", "C-11", "V-5", "V-15")
@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("how", OTHERWISE)
def test_other_bytes_are_refused_for_their_form_though_they_are_rightly_signed(how: str, index: int):
    """Whoever re-encodes before checking would find the signature bad."""
    made = MADE.with_payload(index, OTHERWISE[how](MADE.payloads[index]))
    assert reason_of(made.token) == (Reason.NOT_CANONICAL, index)


@pytest.mark.spec("C-11", "K-8", "K-9")
def test_a_link_id_is_that_of_the_bytes_that_came():
    parent, ids = b"", []
    for index, payload in enumerate(MADE.payloads):
        parent = link_id(signing_input(Purpose.HANDOFF if index else Purpose.GRANT, payload, parent))
        ids.append(parent)
    verified = verify(MADE.token)
    assert [link.link_id for link in verified.links] == ids
    assert verified.digest == ids[-1]
    assert [link.payload for link in verified.links] == list(MADE.payloads)


@pytest.mark.spec("C-11", "T-1")
def test_a_receipt_in_another_encoding_is_another_receipt():
    signed = receipt(MADE.link_ids[-1])
    for payload in (signed.payload + b"\x18\x00", signed.payload[34:] + signed.payload[:34]):
        with pytest.raises(Refused, match="statement_invalid"):
            open_receipt(signed._replace(payload=payload), STATEMENTS.public)
        resigned = STATEMENTS.sign(signing_input(Purpose.RECEIPT, payload))
        with pytest.raises(Refused, match="not_canonical"):
            open_receipt(signed._replace(payload=payload, signature=resigned), STATEMENTS.public)
