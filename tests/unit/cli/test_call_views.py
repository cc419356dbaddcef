"""Calls: listed, drawn on a task's tree, explained."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from delegation.cli.hops import hops_of_records
from delegation.cli.views.call_explanation import Verdict, print_explanation, verdicts
from delegation.cli.views.call_table import print_call_records, print_calls
from delegation.cli.views.plain import plain_call
from delegation.cli.views.reasons import MEANING
from delegation.cli.views.task_table import print_tasks
from delegation.cli.views.task_tree import print_task
from delegation.core.chain import Principal, PrincipalBasis, TraceIds
from delegation.core.kept_arguments import KeptArguments
from delegation.core.lineage import ConditionUse, RecordedCall, RecordedLink, RecordedTask
from delegation.core.scope import Scope
from delegation.errors import Reason, refusal
from support.chains import NOW_MS, READ, SCOPE, agent, chain, some_bytes

MADE = chain("root -> planner -> reader", scopes=(SCOPE, Scope(READ)))
PARENTS = (None, *MADE.link_ids[:-1])
RECORDS = tuple(
    RecordedLink(identity, parent, index, payload, signature, NOW_MS, revoked=False)
    for index, ((payload, signature, identity), parent) in enumerate(zip(MADE.signed, PARENTS, strict=True))
)
HOPS = hops_of_records(RECORDS)
TASK = RecordedTask(
    task_id=some_bytes("task"),
    purpose="answer the customer",
    principal=Principal("ada", "https://login.example.test", PrincipalBasis.OIDC_ID_TOKEN, some_bytes("token", 32)),
    holder_agent=agent("root"),
    created_at_ms=NOW_MS,
    expires_at_ms=NOW_MS + 900_000,
)


def call(name="one", *, leaf=2, tool="read", refused=None, outcome="", **tweaks):
    fields = {
        "call_id": some_bytes(name),
        "task_id": TASK.task_id,
        "leaf_link_id": MADE.link_ids[leaf],
        "agent": agent(MADE.names[leaf]),
        "principal_subject": "ada",
        "audience": "files",
        "tool": tool,
        "refusal": refused,
        "arguments_digest": some_bytes("arguments", 32),
        "decided_at_ms": NOW_MS,
        "decided_by": "service",
        "feed_position": 3,
        "trace": TraceIds(some_bytes("trace"), some_bytes("span", 8)),
        "outcome": outcome,
        **tweaks,
    }
    return RecordedCall(**fields)


ALLOWED = call(outcome="ok")
WRONG_TOOL = call("two", tool="write", refused=refusal(Reason.TOOL_NOT_PERMITTED, link_index=1))
REPLAYED = call("three", refused=refusal(Reason.PROOF_REPLAYED))


def test_calls_are_listed_with_mark_reason_and_whole_id(screen):
    text = screen(print_calls, [ALLOWED, WRONG_TOOL])
    assert "✓ 08:00:00  files.read" in text
    assert "✗ 08:00:00  files.write" in text
    assert "tool_not_permitted at link 1" in text
    assert ALLOWED.call_id.hex() in text
    assert text.splitlines()[0] == "2027-01-15 UTC"


def test_a_call_of_nobody_known_is_listed_too(screen):
    text = screen(print_calls, [call(agent="", principal_subject="", task_id=None, leaf_link_id=None)])
    assert "by somebody unknown" in text


def test_a_tool_with_a_long_name_pushes_no_id_off_the_screen(screen):
    text = screen(print_calls, [call(tool="a" * 200)])
    assert ALLOWED.call_id.hex() in text


def test_in_a_pipe_a_call_is_a_line(capsys):
    from delegation.cli.terminal import console

    print_call_records(console(), [ALLOWED, WRONG_TOOL])
    first, second = capsys.readouterr().out.splitlines()
    assert first.split() == [
        "✓",
        "2027-01-15",
        "08:00:00",
        "UTC",
        ALLOWED.call_id.hex(),
        "files.read",
        agent("reader"),
        "ok",
    ]
    assert second.endswith("tool_not_permitted at link 1")


def test_a_call_that_rules_decided_says_which_by_which_policy_and_catalogue(screen):
    ruled = call(
        refused=refusal(Reason.APPROVAL_REQUIRED),
        rules=("no-leak", "money\x1b"),
        policy_digest=bytes.fromhex("ab" * 32),
        catalogue_digest=bytes.fromhex("cd" * 32),
    )
    assert "approval_required by no-leak, money" in screen(print_calls, [ruled])
    text = screen(print_explanation, ruled, HOPS, NOW_MS)
    assert "refused: approval_required by no-leak, money" in text
    assert "abababababababab with catalogue cdcdcdcdcdcdcdcd, decided by no-leak, money" in " ".join(text.split())
    assert "\x1b" not in text
    plain = plain_call(ruled)
    assert (plain["rules"], plain["policy_digest"]) == (["no-leak", "money\x1b"], "ab" * 32)
    assert plain_call(ALLOWED)["policy_digest"] is plain_call(ALLOWED)["catalogue_digest"] is None
    assert "policy" not in screen(print_explanation, ALLOWED, HOPS, NOW_MS)


def test_what_was_kept_of_its_arguments_and_what_its_tool_declares_is_shown_of_a_call(screen):
    kept = KeptArguments({"path": "/srv\x1b", "size": Decimal("1.5")}, {"reader": bytes(32)}, 2)
    told = call(outcome="ok", kept=kept, impacts=(("resource", "order 1\u202e"), ("rows", "3")))
    text = " ".join(screen(print_explanation, told, HOPS, NOW_MS).split())
    assert 'with {"path":"/srv' in text
    assert '"size":1.5} and digests of reader, 2 not recorded' in text
    assert "declared resource order 1\\u202e, rows 3" in text
    plain = plain_call(told)
    assert plain["kept_arguments"] == {
        "plain": {"path": "/srv\x1b", "size": 1.5},
        "digests": {"reader": "00" * 32},
        "dropped": 2,
    }
    assert plain["impacts"] == {"resource": "order 1\u202e", "rows": "3"}
    assert plain_call(ALLOWED)["kept_arguments"] is None


def test_what_was_used_of_a_hops_conditions_is_said_on_it(screen):
    uses = (ConditionUse("billing", "refund", "", "2", "3"), ConditionUse("billing", "refund", "amount", "15.5", "50"))
    hops = hops_of_records([replace(RECORDS[0], uses=uses), *RECORDS[1:]])
    text = screen(print_task, TASK, hops, [], NOW_MS)
    assert "used 2 of 3 calls of billing.refund" in text
    assert "used 15.5 of 50 amount of billing.refund" in text
    assert [use.remaining for use in hops[0].uses] == ["1", "34.5"]


def test_a_task_is_a_tree_with_its_calls_where_they_were_made(screen):
    other = call("four", leaf=1, outcome="failed")
    lines = screen(print_task, TASK, HOPS, [ALLOWED, WRONG_TOOL, other], NOW_MS).splitlines()
    heads = [line.split("─ ")[-1].removesuffix("  grant") for line in lines]
    at = {name: heads.index(agent(name)) for name in MADE.names}
    calls = [n for n, line in enumerate(lines) if "08:00:00  files." in line]
    assert at["root"] < at["planner"] < calls[0] < at["reader"] < calls[1] < calls[2]
    assert "failed" in lines[calls[0]]
    assert "- billing.refund" in "\n".join(lines)


def test_calls_on_links_that_are_not_recorded_are_shown_apart(screen):
    text = screen(print_task, TASK, HOPS, [call(leaf_link_id=some_bytes("elsewhere", 32))], NOW_MS)
    assert text.index("calls on no recorded link") > text.index(agent("reader"))


def test_many_calls_on_a_hop_are_counted(screen):
    calls = [call(f"call {number}") for number in range(50)]
    assert "… 30 earlier calls" in screen(print_task, TASK, HOPS, calls, NOW_MS)


def test_a_revoked_link_is_marked(screen):
    revoked = [replace(link, revoked=True) for link in RECORDS]
    assert screen(print_task, TASK, hops_of_records(revoked), [], NOW_MS).count("  revoked") == 3


def test_who_answers_for_an_agent_is_shown(screen):
    owned = [replace(RECORDS[0], owner="team-a\x1b[2J"), *RECORDS[1:]]
    text = screen(print_task, TASK, hops_of_records(owned), [], NOW_MS)
    assert "  of team-a" in text
    assert "\x1b" not in text


def test_of_a_completed_task_no_link_is_called_revoked_by_itself(screen):
    ended = replace(TASK, completed_at_ms=NOW_MS, completed_by=agent("root"))
    revoked = [replace(hop, revoked=True) for hop in HOPS]
    text = screen(print_task, ended, revoked, [], NOW_MS)
    assert "completed just now by spiffe://example.test/root" in text
    assert "revoked" not in text


def test_tasks_are_listed_with_their_state(screen):
    from dataclasses import replace

    over = replace(TASK, completed_at_ms=NOW_MS - 60_000, completed_by=agent("root"))
    text = screen(print_tasks, [TASK, over, replace(TASK, expires_at_ms=NOW_MS - 1)], NOW_MS)
    assert "active, ends in 15 min" in text
    assert "completed 1 min ago" in text
    assert "expired" in text


def test_of_an_allowed_call_every_hop_permits():
    assert [each.verdict for each in verdicts(ALLOWED, HOPS)] == [Verdict.PERMITS] * 3


def test_a_scope_refusal_blames_its_hop_and_those_behind_were_not_asked():
    found = verdicts(WRONG_TOOL, HOPS)
    assert [each.verdict for each in found] == [Verdict.PERMITS, Verdict.REFUSES, Verdict.NOT_ASKED]
    assert found[1].words == "does not permit this tool, only files.read"


def test_an_argument_refusal_shows_what_its_hop_permits():
    refused = call(refused=refusal(Reason.ARGUMENT_REFUSED, link_index=0))
    assert verdicts(refused, HOPS)[0].words.startswith("permits only files.read(")


def test_a_refusal_of_the_call_itself_blames_no_hop():
    assert {each.verdict for each in verdicts(REPLAYED, HOPS)} == {Verdict.NOT_ASKED}


def test_a_revoked_link_is_blamed_without_a_word_about_scope():
    found = verdicts(call(refused=refusal(Reason.LINK_REVOKED, link_index=1)), HOPS)
    assert [each.verdict for each in found] == [Verdict.NOT_ASKED, Verdict.REFUSES, Verdict.NOT_ASKED]
    assert found[1].words == "link_revoked"


def test_why_says_it_in_a_few_lines(screen):
    text = screen(print_explanation, WRONG_TOOL, HOPS, NOW_MS)
    assert text.splitlines()[0] == "✗ files.write refused: tool_not_permitted at link 1"
    assert "✗ 1 spiffe://example.test/planner  does not permit this tool" in text
    assert "by the service at feed position 3" in text
    assert some_bytes("trace").hex() in text
    assert "means" in text
    assert len(text.splitlines()) <= 10


def test_why_names_the_guard_that_decided(screen):
    text = screen(print_explanation, call(decided_by="00ff"), HOPS, NOW_MS)
    assert "by the tool's guard 00ff" in text


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_means_something(reason):
    assert MEANING[reason]


def test_what_a_service_tells_does_nothing_to_a_terminal(screen):
    hostile = "x\x1b[2J\u202e\n✓ allowed"
    evil = call(tool=hostile, agent=hostile, principal_subject=hostile, decided_by=hostile, outcome=hostile)
    screen(print_calls, [evil])
    screen(print_explanation, evil, HOPS, NOW_MS)
    screen(print_task, TASK, HOPS, [evil], NOW_MS)
