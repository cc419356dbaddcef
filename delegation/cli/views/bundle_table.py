"""A trust bundle: the root that signed it, and the service's keys with their state."""

from __future__ import annotations

import base64
from typing import Any

from rich.console import Console
from rich.text import Text

from delegation.cli.untrusted_text import visible
from delegation.cli.views.chain_tree import print_fields
from delegation.cli.views.times import moment, relative
from delegation.core.keys import key_id
from delegation.core.trust import FederatedDomain, KeyState, TrustBundle, TrustedKey


def print_bundle(console: Console, bundle: TrustBundle, root: bytes, now_ms: int) -> None:
    """Print a trust bundle."""
    over = bundle.expires_at_ms <= now_ms
    expiry = Text("expired " if over else "until ", "refused" if over else "")
    expiry.append(f"{moment(bundle.expires_at_ms)}, {relative(bundle.expires_at_ms, now_ms)}")
    catalogue = bundle.catalogue_digest.hex()[:16]
    print_fields(
        console,
        [
            ("domain", Text(visible(bundle.trust_domain), "agent")),
            ("version", Text(str(bundle.version))),
            ("valid", expiry),
            ("catalogue", Text(f"sha256 {catalogue}…" if catalogue else "none: no tool is local")),
            ("root", Text(root_text(root))),
        ],
    )
    console.print()
    for key in sorted(bundle.keys, key=lambda each: (each.purpose, -each.not_before_ms)):
        console.print(_key(key, now_ms), soft_wrap=True)
    for domain in bundle.federated:
        console.print()
        console.print(Text.assemble(("federated   ", "label"), (visible(domain.trust_domain), "agent")), soft_wrap=True)
        agents, principals = (", ".join(map(visible, sorted(names))) or "none" for names in _names(domain))
        console.print(Text(f"  agents of {agents}; principals of {principals}", "quiet"), soft_wrap=True)
        for capability in domain.ceiling.capabilities:
            console.print(Text(f"  at most {visible(capability.describe())}", "quiet"), soft_wrap=True)
        for key in domain.keys:
            console.print(Text("  ").append_text(_key(key, now_ms)), soft_wrap=True)


def plain_bundle(bundle: TrustBundle, root: bytes) -> dict[str, Any]:
    """Write a trust bundle as plain data."""
    return {
        "trust_domain": bundle.trust_domain,
        "version": bundle.version,
        "issued_at_ms": bundle.issued_at_ms,
        "expires_at_ms": bundle.expires_at_ms,
        "catalogue_digest": bundle.catalogue_digest.hex() or None,
        "trust_root": root_text(root),
        "trust_root_key_id": key_id(root).hex(),
        "keys": [
            {
                "purpose": str(key.purpose),
                "key_id": key.key_id.hex(),
                "public_key": key.public_key.hex(),
                "state": str(key.state),
                "not_before_ms": key.not_before_ms,
                "not_after_ms": key.not_after_ms or None,
                "compromised_at_ms": key.compromised_at_ms or None,
            }
            for key in bundle.keys
        ],
        "federated": [
            {
                "trust_domain": domain.trust_domain,
                "keys": [key.key_id.hex() for key in domain.keys],
                "agents": sorted(domain.agent_domains),
                "principals": sorted(domain.principal_issuers),
                "ceiling": [capability.describe() for capability in domain.ceiling.capabilities],
            }
            for domain in bundle.federated
        ],
    }


def root_text(root: bytes) -> str:
    """Write the root's public key as profiles do: `trust_root`."""
    return base64.urlsafe_b64encode(root).rstrip(b"=").decode()


def _names(domain: FederatedDomain) -> tuple[frozenset[str], frozenset[str]]:
    return domain.agent_domains, domain.principal_issuers


def _key(key: TrustedKey, now_ms: int) -> Text:
    style = {KeyState.ACTIVE: "allowed", KeyState.RETIRED: "quiet"}.get(key.state, "refused")
    text = Text.assemble((f"{key.purpose:<12}", "label"), key.key_id.hex(), "  ", (str(key.state), style))
    text.append(f" since {moment(key.compromised_at_ms or key.not_before_ms)}", "quiet")
    if key.not_after_ms and key.state is KeyState.ACTIVE:
        text.append(f" until {moment(key.not_after_ms)}, {relative(key.not_after_ms, now_ms)}", "quiet")
    return text
