"""The federation file, `federation.toml`: other trust domains, and what the next trust bundle accepts of them.

    [[domain]]
    bundle = "partner/trust-bundle.bin"   # their signed trust bundle ...
    trust_root = "…"                      # ... and the root key that it has to be signed by, told by them
    agents = ["partner.example"]          # whose agents their chains may name
    principals = ["https://login.partner.example"]

    [[domain.ceiling]]                    # what their chains may permit at most, as in an identity's ceiling
    audience = "files"
    tool = "read"
    arguments = { path = { under = "/srv/shared" } }

Only the keys are taken from their bundle. When they rotate, the next own bundle has to be signed by their new one.
An older bundle of theirs, in which a key that they have given up still counts, is refused.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from delegation.core import limits
from delegation.core.attest import open_bundle
from delegation.core.codec import decode_statement
from delegation.core.federation import FederatedDomain
from delegation.core.notation import scope_from_plain
from delegation.core.trust import KeyPurpose, KeyState, TrustBundle, TrustedKey
from delegation.errors import ConfigError, DelegationError, Refused
from delegation.server.config_errors import config_error, read_toml

_PURPOSES: Final = (KeyPurpose.GRANT, KeyPurpose.STATEMENT)
_Name = Annotated[str, Field(min_length=1, max_length=limits.NAME_BYTES)]


class _Domain(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    bundle: Path
    trust_root: str
    agents: frozenset[_Name]
    principals: frozenset[_Name]
    ceiling: tuple[dict[str, Any], ...]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    domain: tuple[_Domain, ...] = ()


def load_federation(path: Path, *, own_domain: str, now_ms: Callable[[], int]) -> tuple[FederatedDomain, ...]:
    """Read the federation file and the bundles that it names.

    Raises:
        ConfigError: one line: what is wrong and what to do.
    """
    try:
        file = _File.model_validate(read_toml(path))
    except ValidationError as error:
        raise config_error(error, lambda _: str(path), {*_File.model_fields, *_Domain.model_fields}) from None
    domains = tuple(_domain(entry, path, now_ms()) for entry in file.domain)
    names = [domain.trust_domain for domain in domains]
    if len(set(names)) < len(names) or own_domain in names:
        raise ConfigError(f"{path}: a trust domain is listed twice, or is the own one: remove it")
    return domains


def refuse_revived(former: Iterable[FederatedDomain], federated: Iterable[FederatedDomain], *, now_ms: int) -> None:
    """Require that no key of another domain counts again that the former own bundle lists as over.

    Args:
        former: what the former bundle lists, of any domain.
        federated: what the next one is to list.
        now_ms: the time.

    Raises:
        ConfigError: one does: the bundle in which it counts is an older one.
    """
    over = {key.public_key for domain in former for key in domain.keys if _is_over(key, now_ms)}
    for domain in federated:
        for key in domain.keys:
            if key.public_key in over and not _is_over(key, now_ms):
                raise ConfigError(
                    f"{domain.trust_domain} has given up the key {key.key_id.hex()}, which this bundle of theirs still"
                    " lists as active: get their newest one"
                )


def _is_over(key: TrustedKey, now_ms: int) -> bool:
    return key.state is not KeyState.ACTIVE or 0 < key.not_after_ms <= now_ms


def _domain(entry: _Domain, path: Path, now_ms: int) -> FederatedDomain:
    bundle = _bundle(path.parent / entry.bundle, entry.trust_root, now_ms)
    keys = tuple(key for key in bundle.keys if key.purpose in _PURPOSES)
    try:
        ceiling = scope_from_plain(list(entry.ceiling))
    except DelegationError as error:
        raise ConfigError(f"{path}: the ceiling of {bundle.trust_domain}: {error}: correct the capability") from None
    return FederatedDomain(bundle.trust_domain, keys, entry.agents, entry.principals, ceiling)


def _bundle(path: Path, trust_root: str, now_ms: int) -> TrustBundle:
    try:
        root = base64.urlsafe_b64decode(trust_root + "=" * (-len(trust_root) % 4))
        return open_bundle(decode_statement(path.read_bytes(), limits.DOCUMENT_BYTES), root, now_ms=now_ms)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; get their trust bundle") from None
    except (Refused, binascii.Error, ValueError) as error:
        raise ConfigError(f"{path} is no trust bundle signed by that root, or has expired: {error}") from None
