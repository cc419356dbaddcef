"""Break-glass at a guard: the operator's statements in a file, looked at only where a call would otherwise be refused.

A statement changes how old the feed may be and who decides (SPEC section 9.10). Every use of one is told to whoever
listens: in the log, in the decision's span, in a metric, and in the record.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

from delegation.core import limits
from delegation.core.attest import open_break_glass
from delegation.core.break_glass import BreakGlass, effects_of, require_covers
from delegation.core.codec import decode_statement, encode_statement
from delegation.core.named_tuple import NamedTuple
from delegation.core.statement import SignedStatement
from delegation.core.trust import CatalogueTool, TrustBundle
from delegation.errors import DelegationError, Malformed, Refused
from delegation_sdk.log import warn

MAX_FILE_BYTES: Final = 64 * 1024


class UsedOrders(Protocol):
    """Where statements of single use are used up."""

    def use_order(self, order: BreakGlass, *, now_ms: int) -> None:
        """Use one up, in one atomic step that outlives this process. Raises a `DelegationError` if it was used."""


class Order(NamedTuple):
    """A statement that counts for the call at hand.

    Attributes:
        statement: What it says.
        taken_ms: Since when this guard has had it.
    """

    statement: BreakGlass
    taken_ms: int

    @property
    def accept_from_ms(self) -> int:
        """Proofs that were signed before do not count without the service, which may have taken them (B-5)."""
        return max(self.statement.not_before_ms, self.taken_ms) + limits.PROOF_FUTURE_MS


class BreakGlassFile:
    """The statements in a file, one a line, in base64; lines that begin with `#` are comments.

    The file may come and go while the guard runs. What is wrong in it is told once and counts for nothing.

    Args:
        path: Where it is, or will be.
        audience: The guard's.
        trust: Gives the current trust bundle, and raises if there is none.
        root: The root public key.
        used: Where statements of single use are used up; without it they do not count.
    """

    def __init__(
        self,
        path: Path,
        audience: str,
        *,
        trust: Callable[[], TrustBundle],
        root: bytes,
        used: UsedOrders | None,
    ) -> None:
        self._path = path
        self._audience = audience
        self._trust = trust
        self._root = root
        self._used = used
        self._seen: tuple[int, int, int] | None = None
        self._statements: dict[SignedStatement, int] = {}
        self._said: set[str] = set()

    def find(self, tool: CatalogueTool | None, now_ms: int) -> Order | None:
        """Give a statement that counts for a call of a tool, of those there are the one with the oldest feed.

        Args:
            tool: As the catalogue has it; None if it is not listed.
            now_ms: The time.
        """
        found = [order for order in self._orders(now_ms) if self._covers(order.statement, tool, now_ms)]
        return max(found, key=lambda order: order.statement.maximum_feed_age_ms, default=None)

    def in_force(self, now_ms: int) -> Order | None:
        """Give the statement of this audience that has counted for longest, whatever tools it covers."""
        orders = [order for order in self._orders(now_ms) if _of(order.statement, self._audience, now_ms)]
        return min(orders, key=lambda order: order.accept_from_ms, default=None)

    def use(self, order: Order, now_ms: int) -> None:
        """Use up a statement of single use; any other counts again.

        Raises:
            DelegationError: It was used before, or that cannot be known.
        """
        if order.statement.single_use and self._used is not None:
            self._used.use_order(order.statement, now_ms=now_ms)

    def _covers(self, statement: BreakGlass, tool: CatalogueTool | None, now_ms: int) -> bool:
        if statement.single_use and self._used is None:
            self._say(
                "a break-glass statement of single use needs a store of proofs, or a directory (used_orders), "
                "that all instances share"
            )
            return False
        try:
            require_covers(statement, audience=self._audience, effects=effects_of(tool), now_ms=now_ms)
        except Refused:
            return False
        return True

    def _orders(self, now_ms: int) -> Iterator[Order]:
        self._read(now_ms)
        for signed, taken_ms in self._statements.items():
            try:  # each time anew: its key may have been retired meanwhile
                yield Order(open_break_glass(signed, self._trust(), self._root, now_ms=now_ms), taken_ms)
            except DelegationError as error:
                self._say(f"a break-glass statement does not count: {error}")

    def _read(self, now_ms: int) -> None:
        """Read the file if it is another one than before."""
        try:
            status = self._path.stat()
            seen = (status.st_ino, status.st_size, status.st_mtime_ns)
            if seen == self._seen:
                return
            content = _read_file(self._path)
        except FileNotFoundError:
            self._seen, self._statements = None, {}
            return
        except OSError as error:
            self._seen, self._statements = None, {}
            self._say(f"the file of break-glass statements cannot be read: {error.strerror}")
            return
        before, self._statements = self._statements, {}
        for line in content.splitlines():
            if line.strip() and not line.startswith(b"#"):
                self._take(line, before, now_ms)
        self._seen = seen

    def _take(self, line: bytes, before: dict[SignedStatement, int], now_ms: int) -> None:
        try:
            signed = read_armored(line)
        except Malformed as error:
            self._say(f"a line in the file of break-glass statements is none: {error}")
            return
        self._statements[signed] = before.get(signed, now_ms)

    def _say(self, why: str) -> None:
        if why not in self._said:
            self._said.add(why)
            warn("%s", why)


def armored(statement: SignedStatement) -> str:
    """Give a statement as a line of text."""
    return base64.b64encode(encode_statement(statement)).decode()


def read_armored(line: bytes) -> SignedStatement:
    """Read a statement from a line of text; its signature is unchecked.

    Raises:
        Malformed: It is none.
    """
    try:
        data = base64.b64decode(line.strip(), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    return decode_statement(data)


def _of(statement: BreakGlass, audience: str, now_ms: int) -> bool:
    return audience in statement.audiences and statement.not_before_ms <= now_ms < statement.expires_at_ms


def _read_file(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(MAX_FILE_BYTES)
