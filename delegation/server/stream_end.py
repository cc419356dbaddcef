"""A stream is asked once who it is: it ends when what it showed does, its certificate or its token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from delegation.errors import ServiceUnavailable
from delegation.identity.port import Lasting


@asynccontextmanager
async def while_known(lasting: Lasting) -> AsyncIterator[None]:
    """Go on for as long as a caller is known to be itself.

    Raises:
        ServiceUnavailable: That time is over. A client connects again then, with a new certificate or token.
    """
    until = asyncio.timeout(lasting.seconds)
    try:
        async with until:
            yield
    except TimeoutError:
        if not until.expired():
            raise
        raise ServiceUnavailable("the certificate or token of this stream has ended: connect again") from None
