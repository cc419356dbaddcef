"""`delegation keys sign-bundle`: signs the next trust bundle with the root key."""

from __future__ import annotations

from delegation.cli.commands.keys_init import (
    CatalogueFile,
    Keys,
    PassphraseFile,
    RootKeys,
    RootPassphraseFile,
    TrustDomain,
)
from delegation.cli.options import Json


def sign_bundle(
    *,
    trust_domain: TrustDomain,
    keys: Keys,
    root: RootKeys,
    catalogue: CatalogueFile = None,
    passphrase_file: PassphraseFile = None,
    root_passphrase_file: RootPassphraseFile = None,
    json: Json = False,
) -> None:
    """Sign the next trust bundle: before the present one expires, for new keys, or for another catalogue.

    Keys that the former bundle lists stay listed, as retired ones. Restart the service afterwards.
    """
    from delegation.cli.key_directories import read_catalogue, sign_and_show
    from delegation.cli.passphrases import passphrase_of

    known = read_catalogue(catalogue)
    root_passphrase = passphrase_of(
        "the root key", root_passphrase_file, "--root-passphrase-file", from_environment=False, new=False
    )
    passphrase = passphrase_of(
        "the service's keys", passphrase_file, "--passphrase-file", from_environment=True, new=False
    )
    sign_and_show(keys, root, trust_domain, known, passphrase=passphrase, root_passphrase=root_passphrase, json=json)
