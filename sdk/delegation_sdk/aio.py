"""The client for asyncio: the twin of `client`, over the same `flows`; a test compares their surfaces."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from functools import cached_property
from types import TracebackType
from typing import Any, Self

from delegation.core.keys import SigningKey
from delegation.core.revocation import RevocationKind
from delegation.core.scope import Scope
from delegation.core.statement import Offer
from delegation.errors import DelegationError
from delegation.wire.tool_reports import ToolReport
from delegation.wire.trust import RegisteredAgent
from delegation_sdk import context, flows, tracing
from delegation_sdk.approvals import AsyncApprovals, AsyncApprovedCall
from delegation_sdk.call import Call
from delegation_sdk.delegation import Delegation
from delegation_sdk.flows.grant import grant_wanted
from delegation_sdk.flows.hand_off import hand_off_wanted
from delegation_sdk.lifetimes import Lifetime
from delegation_sdk.lineage import AsyncLineage
from delegation_sdk.listener import AsyncListener
from delegation_sdk.profile import Profile, ProfilePath
from delegation_sdk.sources import Sources
from delegation_sdk.transport import AsyncTransport, run_async


class AsyncClient:
    """An agent's connection to the service.

    Args:
        transport: How to reach the service; `AsyncClient.connect` makes the real one.
        agent: The caller's own agent id.
        sources: Clock and randomness.
    """

    def __init__(self, transport: AsyncTransport, *, agent: str, sources: Sources | None = None) -> None:
        self.agent = agent
        self._transport = transport
        self._sources = sources or Sources.system()

    @classmethod
    def connect(cls, profile: ProfilePath | Profile | None = None) -> Self:
        """Connect as the profile says: the one given, else `$DELEGATION_PROFILE`, else `./.delegation/profile.toml`.

        The connection is made when it is first needed.

        Raises:
            ConfigError: There is no profile, or it cannot be used.
        """
        from delegation_sdk.channel import open_aio_channel
        from delegation_sdk.transport_aio import AioTransport

        found = profile if isinstance(profile, Profile) else Profile.find(profile)
        return cls(AioTransport(open_aio_channel(found)), agent=found.agent())

    @cached_property
    def lineage(self) -> AsyncLineage:
        """What the service recorded: tasks, chains and calls."""
        return AsyncLineage(self._transport)

    @cached_property
    def approvals(self) -> AsyncApprovals:
        """People's consent to single calls: asked for, looked at, answered."""
        return AsyncApprovals(self._transport, self._sources, caller=self.agent)

    @contextlib.asynccontextmanager
    async def task(
        self,
        purpose: str,
        *,
        scope: Scope,
        on_behalf_of: str | bytes | None = None,
        ttl: Lifetime | None = None,
        max_depth: int | None = None,
        unrecorded_handoffs: bool = False,
    ) -> AsyncIterator[AsyncTask]:
        """Do one task: get a grant, and complete it when the block is left, however it is left.

        Args:
            purpose: Why the work is done, in a sentence.
            scope: What it needs.
            on_behalf_of: A token that shows for whom; None: for the caller itself.
            ttl: How long it may take, "10m"; None: the service's default.
            max_depth: How many handoffs may follow one another; None: the service's default.
            unrecorded_handoffs: Whether handoffs may be made while the service is unreachable.

        Raises:
            ScopeGrew, PolicyDenied: The caller may not have this much.
            RequestFailed: The service did not do it, at the beginning or at the end.
        """
        with tracing.invoking(self.agent):
            task = await self.begin_task(
                purpose,
                scope=scope,
                on_behalf_of=on_behalf_of,
                ttl=ttl,
                max_depth=max_depth,
                unrecorded_handoffs=unrecorded_handoffs,
            )
            with context.working_under(task):
                try:
                    yield task
                except BaseException as error:
                    await task.complete_after(error)
                    raise
                await task.complete()

    async def begin_task(
        self,
        purpose: str,
        *,
        scope: Scope,
        on_behalf_of: str | bytes | None = None,
        ttl: Lifetime | None = None,
        max_depth: int | None = None,
        unrecorded_handoffs: bool = False,
    ) -> AsyncTask:
        """Begin a task that `AsyncTask.complete` ends; as `task`, for programs that cannot use a block."""
        wanted = grant_wanted(
            purpose,
            scope,
            on_behalf_of=on_behalf_of,
            ttl=ttl,
            max_depth=max_depth,
            unrecorded_handoffs=unrecorded_handoffs,
            trace=tracing.current_trace(),
        )
        return AsyncTask(self, await run_async(flows.grant(wanted, self._sources), self._transport))

    async def hand_off(
        self,
        parent: Delegation,
        agent: str,
        *,
        scope: Scope | None = None,
        ttl: Lifetime | None = None,
        purpose: str = "",
        max_depth: int | None = None,
        offer: Offer | None = None,
    ) -> AsyncConnectedDelegation:
        """Hand on part of a delegation; `AsyncConnectedDelegation.hand_off` says it in full."""
        with tracing.delegating(agent, parent.task_id) as span:
            trace = tracing.trace_of(span)
            wanted = hand_off_wanted(
                agent, scope, ttl=ttl, purpose=purpose, max_depth=max_depth, offer=offer, trace=trace
            )
            child = await run_async(flows.hand_off(parent, wanted, self._sources), self._transport)
            tracing.describe_handoff(span, child)
        return AsyncConnectedDelegation(self, child)

    async def record(self, delegation: Delegation) -> AsyncConnectedDelegation:
        """Have a handoff recorded that was made while the service was unreachable.

        Returns:
            The delegation with the service's receipt.

        Raises:
            PolicyDenied, Revoked, …: The service refuses the handoff.
            RequestFailed: The service did not do it.
        """
        return AsyncConnectedDelegation(self, await run_async(flows.record(delegation, self._sources), self._transport))

    async def renew(
        self,
        task: Delegation,
        *,
        scope: Scope | None = None,
        ttl: Lifetime | None = None,
        on_behalf_of: str | bytes | None = None,
    ) -> AsyncConnectedDelegation:
        """Have a task's grant renewed; `AsyncTask.renew` says it in full."""
        flow = flows.renew(
            task, self._sources, scope=scope, ttl=ttl, on_behalf_of=on_behalf_of, trace=tracing.current_trace()
        )
        return AsyncConnectedDelegation(self, await run_async(flow, self._transport))

    async def reissue(self, task_id: bytes, *, scope: Scope | None = None, ttl: Lifetime | None = None) -> AsyncTask:
        """Have the grant of a task of this agent's issued anew, for a fresh key: after a crash took the old one.

        Args:
            task_id: The task, 16 bytes.
            scope: What it shall permit from now on; None: what it permitted.
            ttl: How long, "10m"; None: the service's default, as far as the task may go on.

        Returns:
            The task, to be gone on with. What was handed on from the former grant is revoked.

        Raises:
            ScopeGrew, PolicyDenied, OutsideTime, Revoked, …: The service refuses: it is more, or the task is over.
            RequestFailed: The service did not do it.
        """
        flow = flows.reissue(task_id, self._sources, scope=scope, ttl=ttl, trace=tracing.current_trace())
        return AsyncTask(self, await run_async(flow, self._transport))

    async def revoke(self, holder: Delegation, handed_on: Delegation, *, justification: str = "") -> None:
        """Revoke what was handed on, and all below it.

        Args:
            holder: The delegation that it was handed on from, or one before that.
            handed_on: What to revoke.
            justification: Why, for the record.

        Raises:
            RequestFailed: The service did not do it.
        """
        await run_async(
            flows.revoke_link(holder, handed_on, self._sources, justification=justification), self._transport
        )

    async def revoke_id(
        self, kind: RevocationKind, id: bytes, *, holder: Delegation | None = None, justification: str = ""
    ) -> int:
        """Revoke what an id names, as an operator; or a link, as one of the holders above it.

        Args:
            kind: What kind of thing it is.
            id: As `core.revocation.Revocation` says for the kind.
            holder: For a link: the delegation that it was handed on from, or one before that; None: as an operator.
            justification: Why, for the record.

        Returns:
            The position of the revocation feed at which that is known.

        Raises:
            RequestFailed: The service did not do it.
        """
        flow = flows.revoke_id(kind, id, self._sources, holder=holder, justification=justification)
        return await run_async(flow, self._transport)

    async def complete(self, task: Delegation) -> None:
        """End a task; when this returns, everything handed on in it is revoked.

        Raises:
            RequestFailed: The service did not do it.
        """
        await run_async(flows.complete_task(task, self._sources), self._transport)

    async def register(self, owner: str, agent: str | None = None) -> None:
        """Make an agent known, with the person or team that answers for it.

        Args:
            owner: Who answers for it.
            agent: Its id; None: this agent. Another one only as an operator.

        Raises:
            RequestFailed: The service did not do it.
        """
        await run_async(flows.register_agent(agent or self.agent, owner), self._transport)

    async def unregister(self, agent: str) -> None:
        """Take an agent's registration back, as an operator: the service vouches for no more keys of it.

        Raises:
            RequestFailed: The service did not do it.
        """
        await run_async(flows.unregister_agent(agent), self._transport)

    async def agents(self) -> tuple[RegisteredAgent, ...]:
        """List the registered agents with their owners, as an operator or auditor. Raises `RequestFailed`."""
        return await run_async(flows.list_agents(), self._transport)

    async def tool_reports(self) -> tuple[ToolReport, ...]:
        """List what tools have said of themselves, as an operator or auditor. Raises `RequestFailed`."""
        return await run_async(flows.list_tool_reports(), self._transport)

    async def request_offer(self, agent: str) -> Offer:
        """Ask a live instance of an agent to receive work from this agent.

        Raises:
            NotFound: No instance of it is listening.
            BadStatement: OFFER_INVALID.
            RequestFailed: The service did not do it.
        """
        return await run_async(flows.request_offer(agent, self.agent, self._sources), self._transport)

    def listen(self, agent: str | None = None) -> AsyncListener[AsyncConnectedDelegation]:
        """Receive work: the delegations handed off to this agent, as they arrive."""
        listening = flows.Listening(agent or self.agent, self._sources)
        return AsyncListener(self._transport, listening, lambda it: AsyncConnectedDelegation(self, it), self._sources)

    def load(self, exported: str, key: SigningKey | None = None) -> AsyncConnectedDelegation:
        """Read what `Delegation.export` or `export_with_key` gave in another process.

        Raises:
            Malformed: It is no delegation, or the key is another's.
        """
        return AsyncConnectedDelegation(self, Delegation.load(exported, key, sources=self._sources))

    async def close(self) -> None:
        """Let go of the connection. AsyncTasks that were begun go on."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.agent})"


class AsyncConnectedDelegation(Delegation):
    """A delegation that can be handed on through the client it came from."""

    def __init__(self, client: AsyncClient, held: Delegation) -> None:
        self.__dict__.update(held.__dict__)
        self._client = client

    @property
    def approvals(self) -> AsyncApprovals:
        """People's consent to single calls, through the client that this came from."""
        return self._client.approvals

    def call(
        self,
        audience: str,
        tool: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        wait_for_approval: Lifetime | None = None,
    ) -> Call:
        """Sign a call of a tool; as `Delegation.call`.

        Args:
            audience: Who serves the tool.
            tool: Its name there.
            arguments: What it will be called with, as JSON has it.
            wait_for_approval: How long to wait, "2m", for people to consent to the call, if it needs that: when the
                call is entered, before it is signed. None: not at all; then the guard refuses what lacks consent.

        Raises:
            ConditionUnmet: APPROVAL_REQUIRED, when the call is entered: it was refused, or nobody has answered in time.
        """
        call = super().call(audience, tool, arguments)
        if wait_for_approval is None:
            return call
        return AsyncApprovedCall.of(
            call,
            lambda: self._client.approvals.wait(self, audience, tool, call.arguments, timeout=wait_for_approval),
        )

    async def hand_off(
        self,
        agent: str,
        *,
        scope: Scope | None = None,
        ttl: Lifetime | None = None,
        purpose: str = "",
        max_depth: int | None = None,
        offer: Offer | None = None,
    ) -> AsyncConnectedDelegation:
        """Hand on part of what this delegation permits.

        Args:
            agent: The agent id that receives.
            scope: What it may do; None: all of this.
            ttl: How long, "2m"; None: 5 minutes or what is left, if that is less.
            purpose: Why, as an annotation.
            max_depth: How many further handoffs may follow; None: as many as are left.
            offer: The receiving agent's, from `AsyncClient.request_offer`; None: it runs in this process.

        Returns:
            The child's delegation; with the holder key only if it runs in this process. `recorded` is False if the
            service could not be reached and the grant allows that.

        Raises:
            ScopeGrew: It asks for more than this permits; the field is named.
            BadStatement: OFFER_INVALID.
            PolicyDenied, Revoked, …: The service refuses.
            RequestFailed: The service did not do it.
        """
        return await self._client.hand_off(
            self, agent, scope=scope, ttl=ttl, purpose=purpose, max_depth=max_depth, offer=offer
        )

    async def revoke(self, handed_on: Delegation, *, justification: str = "") -> None:
        """Revoke what was handed on from here, and all below it. Raises `RequestFailed`."""
        await self._client.revoke(self, handed_on, justification=justification)


class AsyncTask(AsyncConnectedDelegation):
    """The grant of one task, and its end."""

    def __init__(self, client: AsyncClient, held: Delegation) -> None:
        super().__init__(client, held)
        self._completed = False

    async def renew(
        self,
        *,
        scope: Scope | None = None,
        ttl: Lifetime | None = None,
        on_behalf_of: str | bytes | None = None,
    ) -> None:
        """Have the grant renewed before it expires. From then on this is the new one, for the same holder key.

        What was handed on from the former grant is revoked: hand on anew what is still to be done.

        Args:
            scope: What it shall permit from now on; None: what it permitted.
            ttl: How long, "10m"; None: the service's default, as far as the task may go on.
            on_behalf_of: Another ID token of the same principal, who has signed in again: the new grant says how and
                when. None: it says what the former one did.

        Raises:
            ScopeGrew, PolicyDenied, OutsideTime, Revoked, …: The service refuses: it is more, or the task is over.
            RequestFailed: The service did not do it.
        """
        renewed = await self._client.renew(self, scope=scope, ttl=ttl, on_behalf_of=on_behalf_of)
        # In one step: another thread that signs a call meanwhile finds the one grant or the other.
        self.__dict__ = {**renewed.__dict__, "_completed": self._completed}

    async def complete(self) -> None:
        """End the task; when this returns, everything handed on in it is revoked. Again: nothing happens.

        Raises:
            RequestFailed: The service did not do it: the grant lives until it expires.
        """
        if not self._completed:
            await self._client.complete(self)
            self._completed = True

    async def complete_after(self, error: BaseException) -> None:
        """End the task because of an error, which is never masked: a failure to do so becomes a note on it."""
        try:
            await asyncio.shield(self.complete())  # even if the error is a cancellation
        except DelegationError as failed:
            error.add_note(f"the task could not be completed, it ends when it expires: {failed}")
