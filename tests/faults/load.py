"""Clients that write all the time and insist: what gets no answer is asked for again, byte for byte, as the SDK does.

with Load(connect) as load:
    load.book.more_than(100, timeout_s=60)
    …                                           # break something; load goes on
    load.rest()                                 # everything asked for is acknowledged or given up
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Final, Self, TypeVar

from delegation.core.arguments import Arguments
from delegation.core.revocation import RevocationKind
from delegation.core.scope import any_call
from delegation.errors import DelegationError, Overloaded, Reason, Refused, ServiceUnavailable, StorageError
from delegation.wire import authorization
from faults.book import Book, Kind, Write
from support.caller import Caller, GuardRecords, Holding, decided, new_key

T = TypeVar("T")
READ: Final = any_call("files", "read")
AGENT: Final = "agent/reader"
WRITES_OF_TASK: Final = 100
"""Then another task: what is told of one has to fit into one message."""

RECORDS_OF_BATCH: Final = 5
LIFETIME_MS: Final = 3 * 60 * 60 * 1000
"""Longer than a scenario: what has expired need not be remembered, and would be missed."""

_AGAIN_S: Final = 0.1
_NO_ANSWER: Final = (Reason.SERVICE_UNAVAILABLE, Reason.FEED_STALE)
"""Reasons of decisions that are not taken: nothing is recorded for these."""


class RestedError(Exception):
    """The load is to end, and a write has no answer."""


class Client:
    """One client of its own connection, which does one kind of work.

    Args:
        caller: who may do everything.
        book: where it is noted.
        pause_s: between two writes.
        lifetime_ms: of its grants and handoffs.
    """

    def __init__(self, caller: Caller, book: Book, *, pause_s: float = 0.0, lifetime_ms: int = LIFETIME_MS) -> None:
        self._caller = caller
        self._book = book
        self._pause_s = pause_s
        self._lifetime_ms = lifetime_ms
        self.ending = threading.Event()
        self.give_up = threading.Event()

    def work(self, kind: Callable[[Client], Iterator[None]]) -> None:
        """Write until told to end."""
        try:
            while not self.ending.is_set():
                try:
                    for _ in kind(self):
                        if self.ending.wait(self._pause_s):
                            return
                except Refused as refused:
                    self._book.answered(refused.reason)
                    self.ending.wait(_AGAIN_S)  # then begins again, with a task of its own: this one has expired, say
        except RestedError:
            return

    # -- kinds of work: each yields after each write

    def granting_and_completing(self) -> Iterator[None]:
        """Begin tasks and end them."""
        task = self._grant()
        yield
        write = Write(Kind.COMPLETE, task.task_id)
        self._insist([write], lambda: self._caller.complete(task))
        yield

    def handing_off(self) -> Iterator[None]:
        """Hand off, many times in one task."""
        task = self._grant()
        for _ in range(WRITES_OF_TASK):
            child = task.child(AGENT, lifetime_ms=self._lifetime_ms)
            key = secrets.token_hex(8)
            self._insist([_handed(child)], lambda c=child, k=key: self._caller.record(c, idempotency_key=k))  # type: ignore[misc]
            yield

    def revoking(self) -> Iterator[None]:
        """Hand off, and take it back."""
        task = self._grant()
        for _ in range(WRITES_OF_TASK // 2):
            child = task.child(AGENT, lifetime_ms=self._lifetime_ms)
            self._insist([_handed(child)], lambda c=child: self._caller.record(c))  # type: ignore[misc]
            write = Write(Kind.REVOKE, child.leaf.link_id)
            self._insist([write], lambda c=child: self._caller.revoke(RevocationKind.LINK, c.leaf.link_id))  # type: ignore[misc]
            yield

    def authorizing(self) -> Iterator[None]:
        """Ask for decisions, each on arguments that no other has."""
        task = self._grant()
        for _ in range(WRITES_OF_TASK):
            asked = {"path": secrets.token_hex(16)}
            question = task.question("files", "read", asked)
            write = Write(Kind.AUTHORIZE, Arguments.of(asked).digest)
            self._insist([write], lambda q=question: self._decide(q))  # type: ignore[misc]
            yield

    def recording(self) -> Iterator[None]:
        """Record a guard's own decisions, in numbered batches."""
        task, guard = self._grant(), GuardRecords(new_key())
        for _ in range(WRITES_OF_TASK // RECORDS_OF_BATCH):
            records = [decided(task, "files", "read", {}) for _ in range(RECORDS_OF_BATCH)]
            batch = guard.batch(*records)
            writes = [Write(Kind.RECORD, record.call_id) for record in records]
            self._insist(writes, lambda b=batch: self._caller.record_decisions(b))  # type: ignore[misc]
            yield

    # -- steps

    def _grant(self) -> Holding:
        name = secrets.token_hex(12)
        write, key = Write(Kind.GRANT, name.encode()), new_key()
        return self._insist(
            [write],
            lambda: self._caller.grant(
                READ, key=key, purpose=name, idempotency_key=name, max_depth=4, lifetime_ms=self._lifetime_ms
            ),
        )

    def _decide(self, question: authorization.CallToDecide) -> authorization.Decision:
        decision = self._caller.decide_question(question)
        if decision.refusal is not None and decision.refusal.reason in _NO_ANSWER:
            raise ServiceUnavailable("nothing was decided")
        return decision

    def _insist(self, writes: list[Write], ask: Callable[[], T]) -> T:
        """Ask until there is an answer; what is refused is not written, and raised."""
        self._book.ask(*writes)
        while True:
            began = time.monotonic()
            try:
                answer = ask()
            except (ServiceUnavailable, Overloaded, StorageError) as error:
                self._book.answered(f"{writes[0].kind} {type(error).__name__}: {error}")
                if self.give_up.wait((getattr(error, "retry_after_ms", 0) or 0) / 1000 or _AGAIN_S):
                    raise RestedError from None
            else:
                self._book.acknowledge(*writes, took_s=time.monotonic() - began)
                return answer


def _handed(child: Holding) -> Write:
    return Write(Kind.HAND_OFF, child.leaf.link_id)


KINDS: Final[tuple[Callable[[Client], Iterator[None]], ...]] = (
    Client.granting_and_completing,
    Client.handing_off,
    Client.revoking,
    Client.authorizing,
    Client.recording,
)
_REST_S: Final = 60.0


class Load:
    """Two clients of each kind, each on a thread and a connection of its own.

    Args:
        connect: gives a connected caller who may do everything; closed at the end.
        each: how many clients of each kind.
        pause_s: of each client, between two writes.
        lifetime_ms: of grants and handoffs; what is revoked is found for as long.
    """

    def __init__(
        self,
        connect: Callable[[], AbstractContextManager[Caller]],
        *,
        each: int = 2,
        pause_s: float = 0.0,
        lifetime_ms: int = LIFETIME_MS,
    ) -> None:
        self.book = Book()
        self.failures: list[BaseException] = []
        self._connect = connect
        self._each = each
        self._pause_s = pause_s
        self._lifetime_ms = lifetime_ms
        self._clients: list[Client] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        for kind in KINDS * self._each:
            thread = threading.Thread(target=self._run, args=(kind,), daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.rest(give_up_after_s=0)

    def rest(self, *, give_up_after_s: float = _REST_S) -> None:
        """End: let every write get its answer, and after a while do without.

        Raises:
            AssertionError: a client met with what none should.
        """
        for client in self._clients:
            client.ending.set()
        deadline = time.monotonic() + give_up_after_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for client in self._clients:
            client.give_up.set()
        for thread in self._threads:
            thread.join()
        if self.failures:
            raise AssertionError(f"a client failed: {self.failures[0]!r}") from self.failures[0]

    def _run(self, kind: Callable[[Client], Iterator[None]]) -> None:
        try:
            with self._connect() as caller:
                client = Client(caller, self.book, pause_s=self._pause_s, lifetime_ms=self._lifetime_ms)
                self._clients.append(client)
                client.work(kind)
        except (DelegationError, AssertionError, OSError, ValueError) as error:
            self.failures.append(error)
