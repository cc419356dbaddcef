"""Every use case, given its ports; and the handlers, given their use cases."""

from __future__ import annotations

from collections.abc import Callable

from delegation.identity.port import KnownCallers, PrincipalReader
from delegation.identity.static import DEVELOPMENT_OWNER
from delegation.server.approval_rpcs import ApprovalRpcs
from delegation.server.authorization_rpcs import AuthorizationRpcs
from delegation.server.config import ServerConfig
from delegation.server.delegation_rpcs import DelegationRpcs
from delegation.server.lineage_rpcs import LineageRpcs
from delegation.server.services import Rpcs
from delegation.server.trust_rpcs import TrustRpcs
from delegation.service.agents import Agents
from delegation.service.approval_news import ApprovalNews
from delegation.service.approvals import Approvals
from delegation.service.authorize import Authorize
from delegation.service.authorize_or_ask import AuthorizeOrAsk
from delegation.service.calls_that_ran import WhatRan
from delegation.service.complete_task import CompleteTask
from delegation.service.consents import Consents
from delegation.service.consume_proof import ConsumeProof
from delegation.service.feed import RevocationFeed
from delegation.service.given_scopes import GivenScopes
from delegation.service.grant import Grant, GrantLifetimes
from delegation.service.grant_replacement import GrantReplacement
from delegation.service.guard_keys import GuardKeys
from delegation.service.hand_off import HandOff
from delegation.service.judging import Judging
from delegation.service.keep_arguments import KeepArguments
from delegation.service.late_links import LateLinks
from delegation.service.lineage import Lineage
from delegation.service.observations import Observations
from delegation.service.offers import Offers
from delegation.service.owners import Owners
from delegation.service.policy_in_use import PolicyInUse
from delegation.service.record_decisions import RecordDecisions
from delegation.service.recorded_links import RecordedLinks
from delegation.service.reissue import Reissue
from delegation.service.renew import Renew
from delegation.service.report_outcome import ReportOutcome
from delegation.service.request_approval import RequestApproval
from delegation.service.revoke import Revoke
from delegation.service.session_steps import SessionSteps
from delegation.service.tool_reports import ToolReports
from delegation.service.trust import TrustInUse
from delegation.service.watch_approvals import WatchApprovals
from delegation.storage.port import Storage


def owners_of(config: ServerConfig, storage: Storage) -> Owners:
    """Make what knows who answers for whom."""
    listed = {caller.id: caller.owner for caller in config.callers()}
    return Owners(storage, listed, others=lambda _: DEVELOPMENT_OWNER if config.dev else "")


def handlers(
    config: ServerConfig,
    *,
    storage: Storage,
    trust: TrustInUse,
    observations: Observations,
    policy: PolicyInUse,
    identities: KnownCallers,
    feed: RevocationFeed,
    offers: Offers,
    tool_reports: ToolReports,
    now_ms: Callable[[], int],
    random: Callable[[int], bytes],
    principals: PrincipalReader | None = None,
) -> Rpcs:
    """Make the handlers of all RPCs."""
    keys, verifier = trust.keys, trust.verifier
    recorded = RecordedLinks(storage)
    guard_keys = GuardKeys(storage, now_ms=now_ms)
    owners = owners_of(config, storage)
    given = GivenScopes(
        policy,
        storage,
        recorded=recorded,
        owner=owners.owner,
        agents_remembered=config.sessions.agents_remembered_ms > 0,
    )
    lifetimes = GrantLifetimes(
        config.grants.default_lifetime_ms, config.grants.max_lifetime_ms, config.grants.max_task_lifetime_ms
    )
    replacement = GrantReplacement(
        storage,
        keys=keys,
        feed=feed,
        verifier=verifier,
        recorded=recorded,
        now_ms=now_ms,
        random=random,
        lifetimes=lifetimes,
        given=given,
    )
    late_links = LateLinks(
        storage, keys=keys, verifier=verifier, recorded=recorded, given=given, feed=feed, now_ms=now_ms
    )
    consents = Consents(lambda: verifier.trust, identities, lambda: feed.state)
    sessions = SessionSteps(
        recorded,
        labels_stick_ms=config.sessions.labels_stick_ms,
        agents_remembered_ms=config.sessions.agents_remembered_ms,
        owner=owners.owner,
        consents=consents,
    )
    judging = Judging(feed=feed, verifier=verifier, recorded=recorded, sessions=sessions, policy=policy, given=given)
    authorize = Authorize(
        storage,
        judging=judging,
        sessions=sessions,
        policy=policy,
        feed=feed,
        recorded=recorded,
        now_ms=now_ms,
        random=random,
        keep=KeepArguments(lambda: trust.trust.catalogue),
        observed=observations,
    )
    news = ApprovalNews(storage, now_ms=now_ms)
    request_approval = RequestApproval(
        storage,
        judging=judging,
        consents=consents,
        said_of=tool_reports.of_tool,
        opened=news.note,
        now_ms=now_ms,
        random=random,
    )
    return Rpcs(
        delegation=DelegationRpcs(
            grant=Grant(
                storage,
                keys=keys,
                feed=feed,
                recorded=recorded,
                trust_domain=config.trust_domain,
                now_ms=now_ms,
                random=random,
                given=given,
                lifetimes=lifetimes,
                principals=principals,
            ),
            hand_off=HandOff(
                storage,
                keys=keys,
                feed=feed,
                verifier=verifier,
                recorded=recorded,
                offers=offers,
                owners=owners,
                given=given,
                now_ms=now_ms,
            ),
            renew=Renew(replacement, now_ms=now_ms, principals=principals),
            reissue=Reissue(replacement),
            complete_task=CompleteTask(storage, feed, now_ms=now_ms),
            revoke=Revoke(storage, feed, now_ms=now_ms),
        ),
        authorization=AuthorizationRpcs(
            authorize=AuthorizeOrAsk(authorize, request_approval if config.approvals.open_on_refusal else None),
            consume_proof=ConsumeProof(storage, now_ms=now_ms),
            record_decisions=RecordDecisions(
                storage,
                guard_keys=guard_keys,
                late_links=late_links,
                what_ran=WhatRan(storage, policy=policy, sessions=sessions, said_of=tool_reports.of_tool),
                observations=observations,
                now_ms=now_ms,
            ),
            report_outcome=ReportOutcome(storage, guard_keys=guard_keys, now_ms=now_ms),
        ),
        trust=TrustRpcs(
            trust=trust,
            feed=feed,
            agents=Agents(storage, feed, now_ms=now_ms),
            offers=offers,
            tool_reports=tool_reports,
        ),
        approvals=ApprovalRpcs(
            request_approval=request_approval,
            approvals=Approvals(
                storage, feed, statement_key=keys.statement, changed=news.note, now_ms=now_ms, random=random
            ),
            watch_approvals=WatchApprovals(storage, news, now_ms=now_ms),
        ),
        lineage=LineageRpcs(
            Lineage(storage, feed, owners=owners, answer_bytes=config.limits.max_message_bytes, now_ms=now_ms)
        ),
    )
