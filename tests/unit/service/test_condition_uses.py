"""What was used of links' conditions: read for those alone of which something was, without keeping others waiting."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from delegation.core.codec import join_token
from delegation.core.conditions import approved_by, at_most_calls, budget
from delegation.core.lineage import ConditionUse
from delegation.core.scope import Scope, any_call
from delegation.service.condition_uses import uses_of_links
from delegation.storage.records import LinkRecord
from delegation.storage.sessions import UsageRecord
from support.chains import NOW_MS, chain

REFUND = any_call("billing", "refund", at_most_calls(3), budget("amount", 50), approved_by("cfo"))
READ = any_call("files", "read", at_most_calls(9))


def recorded(made):
    """The links of a chain as they are recorded."""
    ids = made.link_ids
    return [
        LinkRecord(
            link_id=ids[index],
            task_id=b"task" * 4,
            parent_link_id=ids[index - 1] if index else None,
            index=index,
            holder_agent=made.names[index],
            holder_key=made.holders[index].public,
            signed=join_token([frame]),
            expires_ms=NOW_MS,
            recorded_ms=NOW_MS,
            receipt=b"",
            caller="",
        )
        for index, frame in enumerate(made.frames)
    ]


def used(account, capability, argument, amount):
    return UsageRecord(account, capability.audience, capability.tool, argument, amount)


GRANT, PLANNER, READER = recorded(chain("root -> planner -> reader", scopes=[Scope(READ, REFUND)]))


async def test_each_link_has_what_it_and_all_below_it_used_of_its_conditions():
    uses = await uses_of_links(
        [GRANT, PLANNER, READER],
        [
            used(GRANT.task_id, REFUND, "amount", "20.5"),
            used(GRANT.task_id, REFUND, "", "2"),
            used(GRANT.task_id, READ, "", "1"),
            used(READER.link_id, REFUND, "amount", "0"),
        ],
    )
    assert uses == {
        GRANT.link_id: (
            ConditionUse("billing", "refund", "", "2", "3"),
            ConditionUse("billing", "refund", "amount", "20.5", "50"),
            ConditionUse("files", "read", "", "1", "9"),
        ),
        READER.link_id: (ConditionUse("billing", "refund", "amount", "0", "50"),),
    }


async def test_a_link_of_which_nothing_was_used_is_not_read():
    unreadable = [replace(PLANNER, link_id=bytes([n]) * 32, signed=b"no link at all") for n in range(200)]
    uses = await uses_of_links([GRANT, *unreadable], [used(GRANT.task_id, READ, "", "1")])
    assert uses == {GRANT.link_id: (ConditionUse("files", "read", "", "1", "9"),)}


async def test_others_go_on_while_many_links_are_read():
    links = [replace(READER, link_id=n.to_bytes(32, "big")) for n in range(300)]
    turns, reading = 0, asyncio.create_task(uses_of_links(links, [used(link.link_id, READ, "", "1") for link in links]))
    while not reading.done():
        await asyncio.sleep(0)
        turns += 1
    assert len(reading.result()) == len(links)
    assert turns >= len(links)


async def test_what_was_used_of_no_condition_of_the_link_is_left_out():
    rows = [used(GRANT.task_id, READ, "amount", "1"), used(b"another" * 4, READ, "", "1")]
    assert await uses_of_links([GRANT], rows) == {GRANT.link_id: ()}
