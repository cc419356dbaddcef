"""Driving a decision: the same steps for threads and for asyncio.

A `Deciding` does no I/O. It yields what it wants done and is sent what came of it; here that is done.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any, Union

from delegation.core.named_tuple import NamedTuple
from delegation_sdk.authorized_call import AuthorizedCall
from delegation_sdk.observed_call import ObservedCall

if TYPE_CHECKING:
    from concurrent.futures import Future

    from delegation.wire.authorization import CallToDecide, Decision


class NewerTrust(NamedTuple):
    """A newer trust bundle is needed; the answer is whether there was one."""


class Blocking(NamedTuple):
    """Something to be done that may block: asking a shared store, writing a file.

    Attributes:
        do: Does it; nothing is answered.
    """

    do: Callable[[], None]


class Wait(NamedTuple):
    """Nothing is to be done for a while; nothing is answered.

    Attributes:
        seconds: How long.
    """

    seconds: float


# Yields the question if the service must be asked, and is sent its decision; or that it needs a newer trust bundle, and
# is sent whether there was one; or what may block; or that it waits. Returns the call, if it may run.
Authorizing = Generator[Union["CallToDecide", NewerTrust, Blocking, Wait], Any, AuthorizedCall]
Deciding = Generator[Union["CallToDecide", NewerTrust, Blocking, Wait], Any, AuthorizedCall | ObservedCall]


def drive(
    deciding: Deciding, ask: Callable[[CallToDecide], Decision], catch_up: Callable[[], Future[bool]]
) -> AuthorizedCall | ObservedCall:
    """Take a decision, asking the service if need be, and for a newer trust bundle. Raises `Refused`."""

    def answer(wanted: CallToDecide | NewerTrust | Blocking | Wait) -> object:
        if isinstance(wanted, NewerTrust):
            return catch_up().result()
        if isinstance(wanted, Wait):
            time.sleep(wanted.seconds)
            return None
        if isinstance(wanted, Blocking):
            return wanted.do()
        return ask(wanted)

    try:
        wanted = next(deciding)
        while True:
            try:
                came = answer(wanted)
            except Exception as error:  # noqa: BLE001 - the decider turns all of them into denials
                wanted = deciding.throw(error)
            else:
                wanted = deciding.send(came)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]


async def drive_async(
    deciding: Deciding, ask: Callable[[CallToDecide], Awaitable[Decision]], catch_up: Callable[[], Future[bool]]
) -> AuthorizedCall | ObservedCall:
    """Take a decision as `drive` does, without blocking the event loop. Raises `Refused`."""
    from asyncio import sleep, to_thread, wrap_future  # a guard without an event loop does not load it

    async def answer(wanted: CallToDecide | NewerTrust | Blocking | Wait) -> object:
        if isinstance(wanted, NewerTrust):
            return await wrap_future(catch_up())
        if isinstance(wanted, Wait):
            await sleep(wanted.seconds)
            return None
        if isinstance(wanted, Blocking):
            return await to_thread(wanted.do)
        return await ask(wanted)

    try:
        wanted = next(deciding)
        while True:
            try:
                came = await answer(wanted)
            except Exception as error:  # noqa: BLE001 - the decider turns all of them into denials
                wanted = deciding.throw(error)
            else:
                wanted = deciding.send(came)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
