"""Trust bundles and catalogues <-> bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from delegation.core import limits
from delegation.core.codec.canonical import (
    check_bytes,
    check_count,
    check_optional_time,
    check_text,
    check_time,
    encode,
    encoder,
    invalid,
    strict,
)
from delegation.core.codec.scopes import scope_from_message, scope_to_message
from delegation.core.keys import check_public_key
from delegation.core.names import check_name
from delegation.core.trust import (
    Catalogue,
    CatalogueTool,
    Effect,
    FederatedDomain,
    KeyPurpose,
    KeyState,
    Recording,
    TrustBundle,
    TrustedKey,
)
from delegation.v1 import statement_pb2 as pb

_PURPOSES: Final = {pb.KeyPurpose.Value(f"KEY_PURPOSE_{purpose.name}"): purpose for purpose in KeyPurpose}
_STATES: Final = {pb.KeyState.Value(f"KEY_STATE_{state.name}"): state for state in KeyState}
_EFFECTS: Final = {pb.Effect.Value(f"EFFECT_{effect.name}"): effect for effect in Effect}
_PURPOSE_NUMBERS: Final = {purpose: number for number, purpose in _PURPOSES.items()}
_STATE_NUMBERS: Final = {state: number for number, state in _STATES.items()}
_EFFECT_NUMBERS: Final = {effect: number for number, effect in _EFFECTS.items()}
_FEDERATED_PURPOSES: Final = (KeyPurpose.GRANT, KeyPurpose.STATEMENT)
_DIGEST_BYTES: Final = 32


def decode_bundle(payload: bytes) -> TrustBundle:
    """Read a payload whose signature was checked.

    Raises:
        Malformed: what is wrong with it.
    """
    message = strict(pb.TrustBundle, payload)
    keys = _keys(message.keys)
    trust_domain = check_name(message.trust_domain, "a trust domain")
    federated = _federated(message.federated, trust_domain)
    if len({key.key_id for key in _all_keys(keys, federated)}) < len(_all_keys(keys, federated)):
        invalid("a key of two trust domains")
    if message.catalogue_digest:
        check_bytes(message.catalogue_digest, _DIGEST_BYTES, "a catalogue digest")
    return TrustBundle(
        trust_domain,
        check_count(message.version, "a version") or invalid("a version is not positive"),
        check_time(message.issued_at_ms, "issued_at_ms"),
        check_time(message.expires_at_ms, "expires_at_ms"),
        keys,
        message.catalogue_digest,
        federated,
    )


def _all_keys(keys: tuple[TrustedKey, ...], federated: tuple[FederatedDomain, ...]) -> list[TrustedKey]:
    """Give the keys of all trust domains."""
    return [*keys, *(key for domain in federated for key in domain.keys)]


def _keys(messages: Iterable[pb.TrustedKey]) -> tuple[TrustedKey, ...]:
    keys = tuple(_key(message) for message in messages)
    ids = [key.key_id for key in keys]
    if ids != sorted(set(ids)):
        invalid("keys are not sorted by key id and unique")
    return keys


def _federated(messages: Iterable[pb.FederatedDomain], own: str) -> tuple[FederatedDomain, ...]:
    domains = tuple(_domain(message) for message in messages)
    names = [domain.trust_domain for domain in domains]
    if names != sorted(set(names)) or own in names:
        invalid("federated trust domains are not sorted, not unique, or the own one")
    return domains


def _domain(message: pb.FederatedDomain) -> FederatedDomain:
    keys = _keys(message.keys)
    if not keys or any(key.purpose not in _FEDERATED_PURPOSES for key in keys):
        invalid("a federated trust domain without keys, or with one that is not for grants or statements")
    if not message.HasField("ceiling"):
        invalid("a federated trust domain without a ceiling")
    return FederatedDomain(
        _domain_name(message.trust_domain),
        keys,
        _sorted_names(message.agent_domains, _domain_name),
        _sorted_names(message.principal_issuers, lambda name: check_name(name, "a principal issuer")),
        scope_from_message(message.ceiling),
    )


def _domain_name(name: str) -> str:
    if "/" in name:
        invalid("the name of a trust domain contains a slash")
    return check_name(name, "a trust domain")


def _sorted_names(names: Iterable[str], check: Callable[[str], str]) -> list[str]:
    checked = [check(name) for name in names]
    if checked != sorted(set(checked)):
        invalid("names are not sorted and unique")
    return checked


def _key(message: pb.TrustedKey) -> TrustedKey:
    purpose, state = _PURPOSES.get(message.purpose), _STATES.get(message.state)
    if purpose is None or state is None:
        invalid("an unknown purpose or state of a key")
    if (state is KeyState.COMPROMISED) != (message.compromised_at_ms != 0):
        invalid("a compromised key, and only one, says since when")
    check_public_key(message.public_key)
    return TrustedKey(
        purpose,
        message.public_key,
        check_time(message.not_before_ms, "not_before_ms"),
        check_optional_time(message.not_after_ms, "not_after_ms"),
        state,
        check_optional_time(message.compromised_at_ms, "compromised_at_ms"),
    )


@encoder
def encode_bundle(bundle: TrustBundle) -> bytes:
    """Give the canonical payload."""
    return encode(
        pb.TrustBundle(
            trust_domain=bundle.trust_domain,
            version=bundle.version,
            issued_at_ms=bundle.issued_at_ms,
            expires_at_ms=bundle.expires_at_ms,
            keys=[_key_message(key) for key in sorted(bundle.keys, key=lambda key: key.key_id)],
            catalogue_digest=bundle.catalogue_digest,
            federated=[
                _domain_message(domain) for domain in sorted(bundle.federated, key=lambda each: each.trust_domain)
            ],
        )
    )


def _domain_message(domain: FederatedDomain) -> pb.FederatedDomain:
    return pb.FederatedDomain(
        trust_domain=domain.trust_domain,
        keys=[_key_message(key) for key in sorted(domain.keys, key=lambda key: key.key_id)],
        agent_domains=sorted(domain.agent_domains),
        principal_issuers=sorted(domain.principal_issuers),
        ceiling=scope_to_message(domain.ceiling),
    )


def _key_message(key: TrustedKey) -> pb.TrustedKey:
    return pb.TrustedKey(
        purpose=_PURPOSE_NUMBERS[key.purpose],
        public_key=key.public_key,
        not_before_ms=key.not_before_ms,
        not_after_ms=key.not_after_ms,
        state=_STATE_NUMBERS[key.state],
        compromised_at_ms=key.compromised_at_ms,
    )


def decode_catalogue(data: bytes) -> Catalogue:
    """Read a catalogue; its digest must then be compared with the trust bundle's.

    Raises:
        Malformed: what is wrong with it.
    """
    tools = tuple(_tool(item) for item in strict(pb.Catalogue, data).tools)
    pairs = [(tool.audience, tool.tool) for tool in tools]
    if pairs != sorted(set(pairs)):
        invalid("tools are not sorted and unique")
    return Catalogue(tools)


def effects_from_numbers(numbers: Iterable[int]) -> frozenset[Effect]:
    """Take effects from their numbers in statement.proto.

    Raises:
        Malformed: FIELD_INVALID if one is unknown, there is none, or they are not sorted and unique.
    """
    given = list(numbers)
    known = frozenset(effect for number, effect in _EFFECTS.items() if number in given)
    if not given or given != effect_numbers(known):
        invalid("effects are unknown, missing, not sorted or repeated")
    return known


def effect_numbers(effects: Iterable[Effect]) -> list[pb.Effect.ValueType]:
    """Give the numbers of effects, in order."""
    return sorted(_EFFECT_NUMBERS[effect] for effect in effects)


def _tool(message: pb.CatalogueTool) -> CatalogueTool:
    known = effects_from_numbers(message.effects)
    if not 0 <= message.maximum_feed_age_ms <= limits.FEED_AGE_MS:
        invalid("the feed may not be that old")
    if message.local and known != {Effect.READ}:
        invalid("only a tool whose sole effect is read can be local")
    labels = [check_name(label, "a label") for label in message.labels]
    if labels != sorted(set(labels)):
        invalid("labels are not sorted and unique")
    return CatalogueTool(
        check_name(message.audience, "an audience"),
        check_name(message.tool, "a tool"),
        known,
        message.local,
        frozenset(labels),
        check_text(message.owner, "an owner", limits.NAME_BYTES),
        message.maximum_feed_age_ms,
        _recorded(message),
        _manifest_digest(message),
        message.manifest_required,
        check_optional_time(message.observe_until_ms, "observe_until_ms"),
    )


def _manifest_digest(message: pb.CatalogueTool) -> bytes:
    if message.manifest_digest:
        return check_bytes(message.manifest_digest, _DIGEST_BYTES, "a manifest's digest")
    if message.manifest_required:
        invalid("a manifest is required, and none is pinned")
    return b""


def _recorded(message: pb.CatalogueTool) -> tuple[tuple[str, Recording], ...]:
    recorded: list[tuple[str, Recording]] = []
    for names, how in ((message.recorded_plain, Recording.PLAIN), (message.recorded_digest, Recording.DIGEST)):
        if len(names) > limits.ARGUMENTS:
            invalid("more recorded arguments than a capability may name")
        checked = _sorted_names(names, lambda name: check_name(name, "a recorded argument"))
        recorded += [(name, how) for name in checked]
    if len({name for name, _ in recorded}) < len(recorded):
        invalid("an argument that is recorded twice")
    return tuple(sorted(recorded))


@encoder
def encode_catalogue(catalogue: Catalogue) -> bytes:
    """Give the canonical bytes."""
    ordered = sorted(catalogue.tools, key=lambda tool: (tool.audience, tool.tool))
    return encode(
        pb.Catalogue(
            tools=[
                pb.CatalogueTool(
                    audience=tool.audience,
                    tool=tool.tool,
                    effects=effect_numbers(tool.effects),
                    local=tool.local,
                    labels=sorted(tool.labels),
                    owner=tool.owner,
                    maximum_feed_age_ms=tool.maximum_feed_age_ms,
                    recorded_plain=_named(tool, Recording.PLAIN),
                    recorded_digest=_named(tool, Recording.DIGEST),
                    manifest_digest=tool.manifest_digest,
                    manifest_required=tool.manifest_required,
                    observe_until_ms=tool.observe_until_ms,
                )
                for tool in ordered
            ]
        )
    )


def _named(tool: CatalogueTool, how: Recording) -> list[str]:
    return sorted(name for name, recorded in tool.recorded if recorded is how)
