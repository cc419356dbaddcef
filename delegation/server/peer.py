"""What gRPC learned about the other end of a call, as the value that `delegation.identity` judges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from delegation.errors import Unauthenticated
from delegation.identity.port import Peer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import grpc

_AUTHORIZATION: Final = "authorization"
_LEAF: Final = "x509_pem_cert"
# On the server's side OpenSSL leaves the leaf out of the chain that the peer sent.
_INTERMEDIATES: Final = "x509_pem_cert_chain"


def peer_of(context: grpc.aio.ServicerContext[Any, Any]) -> Peer:
    """Return the peer of a call.

    gRPC's own reading of the names in the certificate (`peer_identities`, `peer_uri`) is not used: it
    mixes kinds of names, and it has not checked which CA may say them.
    """
    transport: Mapping[str, Iterable[bytes]] = context.auth_context()
    leaf = tuple(transport.get(_LEAF, ()))
    return Peer(
        certificate=leaf[0] if len(leaf) == 1 else None,
        intermediates=b"".join(transport.get(_INTERMEDIATES, ())),
    )


def authorization_of(context: grpc.aio.ServicerContext[Any, Any]) -> str | None:
    """Return the `authorization` header of a call; None if there is none.

    Raises:
        Unauthenticated: There are several: it would be chance which one counts.
    """
    found = [value for key, value in context.invocation_metadata() or () if key == _AUTHORIZATION]
    if len(found) > 1:
        raise Unauthenticated("the call has several authorization headers: send one")
    return str(found[0]) if found else None
