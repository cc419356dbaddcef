"""Which adapter keeps the service's keys: picked from the configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from delegation.server.config_sections import KeysConfig
from delegation.signing.port import KeyStore
from delegation.signing.sealed_file import SealedFiles, find_passphrase


def open_key_store(config: KeysConfig, directory: Path, environment: Mapping[str, str]) -> KeyStore:
    """Find the store of a running service's keys.

    Args:
        config: the section `keys`.
        directory: of sealed keys.
        environment: may name the passphrase or the PIN.

    Raises:
        ConfigError: there is no passphrase or PIN, or the token cannot be used.
    """
    if config.pkcs11 is not None:
        from delegation.signing.pkcs11_token import Pkcs11Token, find_pin

        token = config.pkcs11
        return Pkcs11Token(token.module, token.token, find_pin(environment, token.pin_file))
    passphrase = find_passphrase(environment, config.passphrase_file)
    return SealedFiles(directory, lambda: passphrase)


def sealed_store(directory: Path, passphrase: Callable[[], bytes]) -> KeyStore:
    """Find the sealed keys of a directory; the passphrase is asked for when it is needed."""
    return SealedFiles(directory, passphrase)
