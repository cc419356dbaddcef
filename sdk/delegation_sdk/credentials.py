"""gRPC credentials of a client: certificates of files or of the Workload API, or a token inside TLS or this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from delegation.errors import ConfigError, DelegationError
from delegation_sdk.certificate_files import Certificates
from delegation_sdk.profile import Profile
from delegation_sdk.tokens import TokenSource
from delegation_sdk.workload_api import Svid


def file_credentials(profile: Profile, files: Certificates) -> grpc.ChannelCredentials:
    """Make the credentials of a profile with certificate files or a token.

    Raises:
        ConfigError: The profile has neither.
    """
    if profile.token is None:
        if files.certificate is None or files.key is None:
            raise ConfigError("the profile has no certificate and key: set them, workload_api or token_file")
        return grpc.ssl_channel_credentials(files.ca, files.key, files.certificate)
    inside_machine = files.ca is None and profile.target.startswith("unix:")
    channel = (
        grpc.local_channel_credentials(grpc.LocalConnectionType.UDS)
        if inside_machine
        else grpc.ssl_channel_credentials(files.ca)
    )
    return grpc.composite_channel_credentials(channel, grpc.metadata_call_credentials(_Bearer(profile.token)))


def svid_credentials(profile: Profile, svid: Svid) -> grpc.ChannelCredentials:
    """Make the credentials of one SVID. The service is judged by the bundle of its own trust domain alone.

    Raises:
        ConfigError: The Workload API gives no bundle of that trust domain.
    """
    domain = profile.service_trust_domain or svid.trust_domain
    if domain not in svid.bundles:
        raise ConfigError(f"the Workload API gives no bundle of the trust domain {domain}")
    return grpc.ssl_channel_credentials(svid.bundles[domain], svid.key, svid.certificate)


class _Bearer(grpc.AuthMetadataPlugin):
    """Adds the token of the moment to each call."""

    def __init__(self, token: TokenSource) -> None:
        self._token = token

    def __call__(self, context: Any, callback: Callable[[Any, Exception | None], None]) -> None:  # noqa: ARG002
        try:
            token = self._token()
        except DelegationError as error:
            callback((), error)
        except Exception as error:  # noqa: BLE001 - its text may hold anything, even the token
            callback((), ConfigError(f"the token source failed with {type(error).__name__}"))
        else:
            callback((("authorization", f"Bearer {token}"),), None)
