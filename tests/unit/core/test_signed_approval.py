"""Approvals that their approver has signed: by a key of theirs, and never taken for one that the service attests."""

from __future__ import annotations

import pytest

from delegation.core import limits
from delegation.core.approval import Approval, ApprovalDemand, ApprovalLevel, Consenting, may_consent, satisfied
from delegation.core.attest import open_approval, open_own_approval, sign_approval, sign_own_approval
from delegation.core.codec import decode_approval, decode_signed_approval, encode_approval
from delegation.core.keys import Purpose, signing_input
from delegation.core.statement import StatementKind
from delegation.errors import BadStatement, Malformed, Reason
from delegation.v1 import statement_pb2 as pb
from support.chains import BUNDLE, MALLORY, MINUTE_MS, NOW_MS, STATEMENTS, key, some_bytes

ANNS, ANNS_OTHER, BENS = (key(name) for name in ("ann", "ann's other", "ben"))
SIGNED = Approval(
    some_bytes("link", 32),
    "files",
    "read",
    some_bytes("arguments", 32),
    some_bytes("policy", 32),
    "ann",
    "",
    "",
    NOW_MS,
    NOW_MS + MINUTE_MS,
    some_bytes("approval"),
)
ATTESTED = SIGNED._replace(approver_issuer="https://login.example.test")


@pytest.mark.spec("T-46")
@pytest.mark.parametrize("signer", [ANNS, ANNS_OTHER], ids=["one key", "the other"])
def test_what_an_approver_has_signed_with_a_key_of_theirs_is_opened(signer):
    assert open_own_approval(sign_own_approval(SIGNED, signer), (ANNS.public, ANNS_OTHER.public)) == SIGNED


@pytest.mark.spec("T-46")
@pytest.mark.parametrize("signer", [BENS, MALLORY, STATEMENTS], ids=["ben", "mallory", "the service"])
def test_a_key_that_is_not_theirs_makes_no_approval(signer):
    signed = sign_own_approval(SIGNED, signer)
    for claimed in (signed, signed._replace(key_id=ANNS.key_id)):
        with pytest.raises(BadStatement) as refused:
            open_own_approval(claimed, (ANNS.public,))
        assert refused.value.reason is Reason.STATEMENT_INVALID


@pytest.mark.spec("T-46")
def test_of_who_has_no_key_nothing_is_signed():
    with pytest.raises(BadStatement, match="statement_invalid"):
        open_own_approval(sign_own_approval(SIGNED, ANNS), ())


@pytest.mark.spec("K-7", "T-46")
@pytest.mark.parametrize("kind", [kind for kind in StatementKind if kind is not StatementKind.SIGNED_APPROVAL], ids=str)
def test_the_signature_of_another_kind_of_statement_signs_no_approval(kind):
    signed = sign_own_approval(SIGNED, ANNS)
    other = ANNS.sign(signing_input(Purpose[kind.name], signed.payload))
    for claimed in (signed._replace(signature=other), signed._replace(kind=kind)):
        with pytest.raises(BadStatement, match="statement_invalid"):
            open_own_approval(claimed, (ANNS.public,))


@pytest.mark.spec("T-24", "T-46")
def test_an_attested_and_a_signed_approval_are_never_taken_for_each_other():
    with pytest.raises(BadStatement):
        open_own_approval(sign_approval(ATTESTED, STATEMENTS), (STATEMENTS.public,))
    with pytest.raises(BadStatement):
        open_approval(sign_own_approval(SIGNED, STATEMENTS), BUNDLE, now_ms=NOW_MS)
    with pytest.raises(Malformed):  # not even with the tag of the other: they do not say the same
        decode_signed_approval(encode_approval(ATTESTED))
    with pytest.raises(Malformed):
        decode_approval(encode_approval(SIGNED))


@pytest.mark.spec("T-46")
@pytest.mark.parametrize(
    "tweaks",
    [
        {"approver_issuer": "https://login.example.test"},
        {"authentication_strength": "mfa"},
        {"approver": ""},
        {"link_id": bytes(31)},
        {"policy_digest": bytes(31)},
        {"expires_at_ms": NOW_MS},
        {"expires_at_ms": NOW_MS + limits.APPROVAL_LIFETIME_MS + 1},
        {"nonce": b""},
    ],
    ids=str,
)
def test_a_signed_approval_must_not_say_this(tweaks):
    payload = pb.Approval(**SIGNED._replace(**tweaks)._asdict()).SerializeToString(deterministic=True)
    with pytest.raises(Malformed) as refused:
        decode_signed_approval(payload)
    assert refused.value.reason is Reason.FIELD_INVALID
    with pytest.raises(Malformed):
        sign_own_approval(SIGNED._replace(**tweaks), ANNS)


@pytest.mark.spec("T-46")
def test_a_signed_approval_may_count_for_an_hour_and_without_a_policy():
    for tweaks in ({"policy_digest": b""}, {"expires_at_ms": NOW_MS + limits.APPROVAL_LIFETIME_MS}):
        approval = SIGNED._replace(**tweaks)
        assert open_own_approval(sign_own_approval(approval, ANNS), (ANNS.public,)) == approval


@pytest.mark.spec("A-34")
def test_the_services_word_is_no_signature_and_a_signature_is_more_than_its_word():
    takes_a_signature = ApprovalDemand(("ann",), 1, level=ApprovalLevel.SIGNED)
    takes_a_word = ApprovalDemand(("ann",), 1)
    word, signature = (Consenting("ann", is_principal=False, level=level) for level in ApprovalLevel)
    assert may_consent(takes_a_signature, signature)
    assert not may_consent(takes_a_signature, word)
    assert satisfied((takes_a_word, takes_a_signature), (signature,))
    assert not satisfied((takes_a_word, takes_a_signature), (word,))
