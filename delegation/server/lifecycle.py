"""A gRPC server from its start to its end: bind, serve, tell its health, drain."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

import grpc
import grpc.aio
import structlog

from delegation.core.trust import KeyPurpose
from delegation.errors import ConfigError, StorageError
from delegation.server.config_sections import LimitsConfig
from delegation.server.door import Door
from delegation.server.health import Health, out_of_use
from delegation.server.listen import ListenAddress
from delegation.server.options import channel_options
from delegation.server.services import Rpcs, add_services
from delegation.server.standard_services import add_standard_services
from delegation.service.unexpected import log_unexpected

_LOG: Final = structlog.get_logger("delegation")
_CHECK_EVERY_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Listener:
    """Where to listen, and with which credentials: called once, when binding."""

    address: ListenAddress
    credentials: Callable[[], grpc.ServerCredentials]


class Server:
    """One gRPC server. `start`, then `drain`; it does not begin again."""

    def __init__(
        self,
        rpcs: Rpcs,
        door: Door,
        listener: Listener,
        *,
        limits: LimitsConfig,
        check_ready: Callable[[], Awaitable[Collection[KeyPurpose]]],
        second_listener: Listener | None = None,
    ) -> None:
        self._rpcs = rpcs
        self._door = door
        self._listener = listener
        self._second_listener = second_listener
        self.second_address: ListenAddress | None = None
        self._limits = limits
        self._check_ready = check_ready
        self._server: grpc.aio.Server | None = None
        self._health = Health()
        self._services: Sequence[str] = ()
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> ListenAddress:
        """Bind and serve; return the address, with the port that the system chose.

        Raises:
            ConfigError: the address is taken or cannot be bound.
        """
        server = grpc.aio.server(options=channel_options(self._limits))
        self._services = add_services(server, self._rpcs, self._door)
        add_standard_services(server, self._door, self._health, self._services)
        address = _bind(server, self._listener)
        if self._second_listener is not None:
            self.second_address = _bind(server, self._second_listener)
        await server.start()
        self._server = server
        await self._health.tell(self._services, ready=True)
        self._watching = asyncio.create_task(self._watch_readiness())
        return address

    async def drain(self) -> None:
        """Say so, take no more, finish what was begun (for up to `limits.drain_ms`), then stop."""
        if self._server is None:
            return
        if self._watching is not None:
            self._watching.cancel()
        await self._health.leave()
        stopping = asyncio.create_task(self._server.stop(self._limits.drain_ms / 1000))
        self._door.close()
        await stopping

    async def _watch_readiness(self) -> None:
        """Tell those who balance load when no work can be done here, and when it can again."""
        was: frozenset[KeyPurpose] | None = frozenset()
        while True:
            await asyncio.sleep(_CHECK_EVERY_SECONDS)
            lacking = await self._lacking(say_why=was is not None)
            if lacking == was:
                continue
            await self._health.tell(self._services, ready=lacking is not None, but=out_of_use(lacking or ()))
            if lacking:
                _LOG.error("no key to sign with", purposes=sorted(map(str, lacking)), do="see `delegation doctor`")
            elif lacking is not None:
                _LOG.info("ready again")
            was = lacking

    async def _lacking(self, *, say_why: bool) -> frozenset[KeyPurpose] | None:
        """Tell for which purposes nothing can be signed; None if no work can be done at all."""
        try:
            return frozenset(await self._check_ready())
        except StorageError as error:
            if say_why:
                _LOG.error("not ready", reason=error.reason, why=str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is: who cannot tell that it is ready is not
            if say_why:
                log_unexpected("checking readiness", error)
        return None


def _bind(server: grpc.aio.Server, listener: Listener) -> ListenAddress:
    address = listener.address
    _refuse_taken_socket(address)
    try:
        port = server.add_secure_port(str(address), listener.credentials())
    except RuntimeError:
        raise ConfigError(
            f"cannot listen on {address}: it is taken or not of this machine; stop what uses it, or set listen"
        ) from None
    return ListenAddress(address.host, port) if address.host else address


def _refuse_taken_socket(address: ListenAddress) -> None:
    """Refuse a Unix socket that somebody serves: gRPC would take it away from them."""
    if not address.unix_path:
        return
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        try:
            probe.connect(address.unix_path)
        except OSError:
            return
    raise ConfigError(f"cannot listen on {address}: another server does; stop it, or set listen")
