"""`delegation policy replay`: what past calls another policy would have decided differently."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from delegation.cli.commands.policy_check import CatalogueFile
from delegation.cli.options import Json, ProfileFile

if TYPE_CHECKING:
    from delegation.core.lineage import RecordedCall
    from delegation.core.trust import Catalogue
    from delegation.policy.port import Policy
    from delegation.service.policy_replay import Report, ScopesReport
    from delegation_sdk.lineage import Lineage


_TASKS: Final = 10_000
"""Tasks whose grants and handoffs are asked about at most, newest first."""
_OLDER: Final = 10_000
"""So many records of guards in a row that are older: there is nothing newer behind them."""


def replay(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE…", show_default=False, help="The policy's Cedar files; else the one that is shipped."
        ),
    ] = None,
    *,
    catalogue: CatalogueFile = None,
    since: Annotated[str, typer.Option(metavar="TIME", help="Only calls since then: 30d, or 2026-11-01.")] = "7d",
    task: Annotated[str, typer.Option(metavar="ID", help="Only calls of this task.", show_default=False)] = "",
    audience: Annotated[str, typer.Option(help="Only calls at this audience.", show_default=False)] = "",
    tool: Annotated[str, typer.Option(help="Only calls of this tool.", show_default=False)] = "",
    grants: Annotated[
        bool, typer.Option("--grants", help="Also ask about grants and handoffs of tasks that began since then.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000_000, help="At most so many, newest first.")] = 100_000,
    json: Json = False,
    profile: ProfileFile = None,
) -> None:
    """Ask a policy about recorded calls, and show which of them it decides differently.

    Without --catalogue, by the one that the service has in use. Each call is asked about as it was then: as the policy
    was told of it, or else rebuilt from other records. Where a rule reads what nobody recorded, it cannot be told.
    Exits with 1 if a call is decided differently. For auditors and operators: others see fewer calls.
    """
    from delegation.app.policy_files import load_policy_files
    from delegation.cli.connection import catalogue_in_use, connected
    from delegation.cli.exit_codes import REFUSED
    from delegation.cli.identifiers import parse_id
    from delegation.cli.moments import parse_since
    from delegation.core.limits import TASK_ID_BYTES
    from delegation.server.catalogue_file import load_catalogue
    from delegation_sdk.sources import Sources

    now_ms = Sources.system().now_ms()
    since_ms = parse_since(since, now_ms)
    task_id = parse_id(task, TASK_ID_BYTES, "task") if task else None
    tools = load_catalogue(catalogue) if catalogue is not None else catalogue_in_use(profile)
    policy = load_policy_files(files or [], tools)
    if grants and (audience or tool):
        raise typer.BadParameter("scopes are asked about whole: --grants goes without --audience and --tool")
    given = None
    with connected(profile) as client:
        calls = client.lineage.each_call(task_id=task_id, audience=audience or None, tool=tool or None)
        found = _replay(policy, tools, client.lineage, calls, since_ms=since_ms, now_ms=now_ms, limit=limit)
        if grants:
            given = _replay_scopes(policy, tools, client.lineage, task_id, since_ms=since_ms, limit=limit)
    _print(found, given, policy.digest, since_ms, json=json)
    if found.differs or (given is not None and given.differs):
        raise typer.Exit(REFUSED)


def _replay(
    policy: Policy,
    catalogue: Catalogue,
    lineage: Lineage,
    calls: Iterator[RecordedCall],
    *,
    since_ms: int,
    now_ms: int,
    limit: int,
) -> Report:
    from delegation.cli.progress import back_in_time
    from delegation.cli.recorded_calls import ReadRecords
    from delegation.service.policy_replay import Replay, Report

    ask, found = Replay(policy, catalogue, ReadRecords(lineage, catalogue)), Report()
    with back_in_time(now_ms, since_ms) as reached:
        for call in _since(calls, since_ms):
            if found.calls == limit:
                found.more = True
                break
            found.take(call, ask(call))
            reached(call.decided_at_ms)
    return found


def _replay_scopes(
    policy: Policy, catalogue: Catalogue, lineage: Lineage, task_id: bytes | None, *, since_ms: int, limit: int
) -> ScopesReport:
    from delegation.errors import InvalidRequest
    from delegation.service.policy_replay import ScopeReplay, ScopesReport, given_in

    ask, found = ScopeReplay(policy, catalogue), ScopesReport()
    if task_id is not None:
        tasks = [task_id]
    else:
        listed = lineage.list_tasks(limit=min(limit, _TASKS))
        tasks = [task.task_id for task in listed.items if task.created_at_ms >= since_ms]
        found.more = listed.more and len(tasks) == len(listed.items)
    for task in tasks:
        try:
            _, links = lineage.get_task(task)
        except InvalidRequest:
            found.cannot_tell("", "its task has more links than one answer holds")
            continue
        for then in given_in(links):
            found.take(then, ask(then))
    return found


def _since(calls: Iterable[RecordedCall], since_ms: int) -> Iterator[RecordedCall]:
    """Give the calls since a time, of calls newest first.

    When a guard has decided is what the guard says: one such record ends nothing, else a tool could hide others.
    """
    from delegation.service.policy_replay import DECIDED_BY_SERVICE

    older = 0
    for call in calls:
        if call.decided_at_ms >= since_ms:
            older = 0
            yield call
            continue
        older += 1
        if call.decided_by == DECIDED_BY_SERVICE or older == _OLDER:
            return


def _print(found: Report, given: ScopesReport | None, digest: bytes, since_ms: int, *, json: bool) -> None:
    from delegation.cli.terminal import console, print_json
    from delegation.cli.views.policy_replay import plain_report, print_report
    from delegation.cli.views.replayed_scopes import plain_scopes, print_scopes

    if json:
        scopes = {} if given is None else {"scopes": plain_scopes(given)}
        print_json({**plain_report(found, digest, since_ms), **scopes})
        return
    print_report(console(), found, since_ms)
    if given is not None:
        print_scopes(console(), given)
