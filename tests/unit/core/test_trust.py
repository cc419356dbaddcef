"""Trust bundles and catalogues: who may have signed what, and which tools a guard may decide itself."""

from __future__ import annotations

from typing import Any

import pytest

from delegation.core.attest import catalogue_digest, open_bundle, open_catalogue, sign_bundle, sign_statement
from delegation.core.codec import decode_bundle, decode_catalogue, encode_bundle, encode_catalogue
from delegation.core.statement import StatementKind
from delegation.core.trust import Catalogue, CatalogueTool, Effect, KeyPurpose, KeyState, TrustBundle
from delegation.errors import BadSignature, BadStatement, Malformed, Reason, Refused
from delegation.v1 import statement_pb2 as pb
from support.chains import (
    BUNDLE,
    CHECKPOINTS,
    ISSUER,
    MALLORY,
    NOW_MS,
    ROOT,
    STATEMENTS,
    bundle,
    trusted,
)

BUNDLE_BYTES = encode_bundle(BUNDLE)


def opened(statement: Any, **options: Any) -> TrustBundle:
    return open_bundle(statement, ROOT.public, **{"now_ms": NOW_MS, **options})


def reason_of(action: Any) -> Reason:
    with pytest.raises(Refused) as caught:
        action()
    return caught.value.reason


def test_a_bundle_of_the_root_is_trusted():
    assert opened(sign_bundle(BUNDLE, ROOT)).find(ISSUER.key_id) == BUNDLE.find(ISSUER.key_id)


@pytest.mark.spec("T-14")
@pytest.mark.parametrize("signer", [MALLORY, ISSUER, STATEMENTS], ids=["a stranger", "a grant key", "a statement key"])
def test_a_bundle_that_the_root_did_not_sign_is_refused(signer: Any):
    assert reason_of(lambda: opened(sign_bundle(BUNDLE, signer))) is Reason.BUNDLE_INVALID
    posing = sign_bundle(BUNDLE, signer)._replace(key_id=ROOT.key_id)
    assert reason_of(lambda: opened(posing)) is Reason.BUNDLE_INVALID


@pytest.mark.spec("K-7", "T-14")
def test_what_the_root_signed_as_something_else_is_no_bundle():
    other = sign_statement(StatementKind.CHECKPOINT, BUNDLE_BYTES, ROOT)
    for statement in (other, other._replace(kind=StatementKind.TRUST_BUNDLE)):
        assert reason_of(lambda statement=statement: opened(statement)) is Reason.BUNDLE_INVALID


@pytest.mark.spec("T-14")
def test_an_older_version_is_refused_and_the_same_is_not():
    statement = sign_bundle(BUNDLE, ROOT)
    assert opened(statement, known_version=BUNDLE.version).version == BUNDLE.version
    assert reason_of(lambda: opened(statement, known_version=BUNDLE.version + 1)) is Reason.BUNDLE_ROLLBACK


@pytest.mark.spec("T-14")
def test_a_bundle_is_trusted_to_the_millisecond():
    statement = sign_bundle(BUNDLE, ROOT)
    opened(statement, now_ms=BUNDLE.expires_at_ms - 1)
    assert reason_of(lambda: opened(statement, now_ms=BUNDLE.expires_at_ms)) is Reason.BUNDLE_EXPIRED


def edited(change: Any) -> bytes:
    message = pb.TrustBundle.FromString(BUNDLE_BYTES)
    change(message)
    return message.SerializeToString(deterministic=True)


def reverse_keys(message: pb.TrustBundle) -> None:
    keys = list(message.keys)[::-1]
    del message.keys[:]
    message.keys.extend(keys)


def repeat_key(message: pb.TrustBundle) -> None:
    """The same key for two purposes: which of them would count?"""
    message.keys.append(message.keys[-1])
    message.keys[-1].purpose = message.keys[-2].purpose % 3 + 1


WRONG = {
    "no version": lambda m: setattr(m, "version", 0),
    "a version that no database holds": lambda m: setattr(m, "version", 2**53),
    "no trust domain": lambda m: setattr(m, "trust_domain", ""),
    "a key for nothing": lambda m: setattr(m.keys[0], "purpose", 0),
    "a key for something unknown": lambda m: setattr(m.keys[0], "purpose", 5),
    "a key in no state": lambda m: setattr(m.keys[0], "state", 0),
    "a compromised key that does not say since when": lambda m: setattr(m.keys[0], "state", 3),
    "a good key that is compromised": lambda m: setattr(m.keys[0], "compromised_at_ms", 1),
    "a weak key": lambda m: setattr(m.keys[0], "public_key", bytes(32)),
    "a short key": lambda m: setattr(m.keys[0], "public_key", bytes(31)),
    "keys in another order": reverse_keys,
    "a key twice": repeat_key,
    "a short digest of the catalogue": lambda m: setattr(m, "catalogue_digest", bytes(31)),
}


@pytest.mark.spec("T-14", "T-15")
@pytest.mark.parametrize("name", WRONG)
def test_a_bundle_is_refused_with(name: str):
    data = edited(WRONG[name])
    with pytest.raises(Malformed):
        decode_bundle(data)
    signed = sign_statement(StatementKind.TRUST_BUNDLE, data, ROOT)
    assert reason_of(lambda: opened(signed)) is Reason.BUNDLE_INVALID


# -- keys ----------------------------------------------------------------------------------------------------


@pytest.mark.spec("T-2", "T-16")
def test_a_key_counts_for_its_purpose_only():
    assert BUNDLE.grant_key(ISSUER.key_id, NOW_MS).public_key == ISSUER.public
    assert BUNDLE.statement_key(STATEMENTS.key_id, NOW_MS) == STATEMENTS.public
    for wrong in (STATEMENTS, CHECKPOINTS):
        with pytest.raises(BadSignature):
            BUNDLE.grant_key(wrong.key_id, NOW_MS)
    for wrong in (ISSUER, CHECKPOINTS, MALLORY):
        with pytest.raises(BadStatement):
            BUNDLE.statement_key(wrong.key_id, NOW_MS)
    assert reason_of(lambda: BUNDLE.grant_key(MALLORY.key_id, NOW_MS)) is Reason.ISSUER_UNKNOWN


@pytest.mark.spec("T-16")
@pytest.mark.parametrize(
    ("tweaks", "good_at_ms", "bad_at_ms"),
    [
        ({"not_before_ms": NOW_MS}, NOW_MS, NOW_MS - 1),
        ({"not_after_ms": NOW_MS}, NOW_MS - 1, NOW_MS),
        ({"not_after_ms": 0}, 2**52, 0),
    ],
)
def test_a_window_counts_to_the_millisecond(tweaks: dict[str, int], good_at_ms: int, bad_at_ms: int):
    trust = bundle(trusted(KeyPurpose.GRANT, ISSUER, **tweaks))
    trust.grant_key(ISSUER.key_id, good_at_ms)
    assert reason_of(lambda: trust.grant_key(ISSUER.key_id, bad_at_ms)) is Reason.ISSUER_NOT_TRUSTED


@pytest.mark.spec("T-16")
@pytest.mark.parametrize("state", [KeyState.RETIRED, KeyState.COMPROMISED])
def test_a_key_out_of_use_is_known_and_not_trusted(state: KeyState):
    trust = bundle(trusted(KeyPurpose.GRANT, ISSUER, state=state, compromised_at_ms=NOW_MS + 1))
    assert trust.find(ISSUER.key_id) is not None
    assert reason_of(lambda: trust.grant_key(ISSUER.key_id, NOW_MS)) is Reason.ISSUER_NOT_TRUSTED


@pytest.mark.spec("V-18")
def test_what_is_remembered_of_a_bundle_holds_until_the_next_window_ends():
    ends = trusted(KeyPurpose.GRANT, ISSUER, not_after_ms=NOW_MS + 5), trusted(KeyPurpose.STATEMENT, STATEMENTS)
    assert bundle(*ends).settled_until_ms(NOW_MS) == NOW_MS + 5
    assert bundle(*ends, expires_at_ms=NOW_MS + 3).settled_until_ms(NOW_MS) == NOW_MS + 3
    assert bundle(*ends).settled_until_ms(NOW_MS + 5) > NOW_MS + 5


# -- catalogues ----------------------------------------------------------------------------------------------

READS = frozenset({Effect.READ})
CATALOGUE = Catalogue((CatalogueTool("files", "read", READS, local=True), CatalogueTool("files", "stat", READS)))


@pytest.mark.spec("T-18")
def test_a_catalogue_is_the_one_that_the_bundle_names():
    data = encode_catalogue(CATALOGUE)
    trust = bundle(catalogue_digest=catalogue_digest(CATALOGUE))
    assert open_catalogue(data, trust) == CATALOGUE
    other = encode_catalogue(Catalogue(CATALOGUE.tools[:1]))
    for wrong, trusting in ((other, trust), (b"", trust), (data, BUNDLE)):
        assert reason_of(lambda w=wrong, t=trusting: open_catalogue(w, t)) is Reason.BUNDLE_INVALID
    assert open_catalogue(b"", BUNDLE) == Catalogue()


@pytest.mark.spec("T-20")
def test_a_tool_that_is_not_listed_is_not_local():
    assert CATALOGUE.is_local("files", "read")
    for pair in (("files", "stat"), ("files", "write"), ("fines", "read"), ("files", "Read")):
        assert not CATALOGUE.is_local(*pair)


@pytest.mark.spec("T-20")
@pytest.mark.parametrize("effect", [effect for effect in Effect if effect is not Effect.READ])
def test_a_tool_that_does_more_than_read_is_never_local(effect: Effect):
    for effects in ({effect}, {effect, Effect.READ}):
        catalogue = Catalogue((CatalogueTool("a", "t", frozenset(effects), local=True),))
        assert not catalogue.is_local("a", "t")
        with pytest.raises(Malformed):
            decode_catalogue(encode_catalogue(catalogue))


@pytest.mark.spec("T-19")
@pytest.mark.parametrize("effects", [[], [0], [7], [1, 1], [2, 1], [-1]])
def test_effects_are_known_sorted_and_there(effects: list[int]):
    message = pb.Catalogue(tools=[pb.CatalogueTool(audience="a", tool="t", effects=effects)])
    with pytest.raises(Malformed):
        decode_catalogue(message.SerializeToString(deterministic=True))


@pytest.mark.spec("T-19")
@pytest.mark.parametrize("pairs", [[("b", "t"), ("a", "t")], [("a", "t"), ("a", "t")], [("", "t")], [("a", "")]])
def test_tools_are_named_sorted_and_unique(pairs: list[tuple[str, str]]):
    tools = [pb.CatalogueTool(audience=audience, tool=tool, effects=[1]) for audience, tool in pairs]
    with pytest.raises(Malformed):
        decode_catalogue(pb.Catalogue(tools=tools).SerializeToString(deterministic=True))


@pytest.mark.spec("T-19")
@pytest.mark.parametrize("labels", [["b", "a"], ["a", "a"], [""], ["a\n"]])
def test_labels_are_named_sorted_and_unique(labels: list[str]):
    message = pb.Catalogue(tools=[pb.CatalogueTool(audience="a", tool="t", effects=[1], labels=labels)])
    with pytest.raises(Malformed):
        decode_catalogue(message.SerializeToString(deterministic=True))


@pytest.mark.spec("K-3")
def test_a_weak_key_is_refused_though_it_be_the_only_one():
    def weaken(message: pb.TrustBundle) -> None:
        del message.keys[1:]
        message.keys[0].public_key = bytes(32)

    with pytest.raises(Malformed) as caught:
        decode_bundle(edited(weaken))
    assert caught.value.reason is Reason.KEY_INVALID
