"""`delegation keys sign-bundle`: signs the next trust bundle with the root key."""

from __future__ import annotations

from delegation.cli.commands.keys_init import (
    CatalogueFile,
    FederationFile,
    Keys,
    PassphraseFile,
    RootKeys,
    RootPassphraseFile,
    ServiceConfig,
    TrustDomain,
)
from delegation.cli.options import Json


def sign_bundle(
    *,
    trust_domain: TrustDomain,
    root: RootKeys,
    keys: Keys = None,
    config: ServiceConfig = None,
    catalogue: CatalogueFile = None,
    federation: FederationFile = None,
    passphrase_file: PassphraseFile = None,
    root_passphrase_file: RootPassphraseFile = None,
    json: Json = False,
) -> None:
    """Sign the next trust bundle: before the present one expires, for another catalogue, for other trust domains.

    Keys stay as they are; `keys rotate` and `keys compromise` change them. A running service follows by itself.
    Without --catalogue or --federation the former bundle's stay.
    """
    from delegation.app.next_bundle import sign_bundle_file
    from delegation.cli.key_directories import (
        place_of,
        read_catalogue,
        read_federation,
        root_passphrase_of,
        show_bundle,
    )
    from delegation.identity.spiffe import check_trust_domain

    domain = check_trust_domain(trust_domain)
    place = place_of(keys, config, passphrase_file)
    bundle = sign_bundle_file(
        place.directory,
        store=place.store,
        root_directory=root,
        root_passphrase=root_passphrase_of(root_passphrase_file),
        trust_domain=domain,
        catalogue=read_catalogue(catalogue),
        federated=read_federation(federation, domain),
    )
    show_bundle(place, bundle, json=json)
