"""Writes until it is killed, and prints the id of each write after it was acknowledged.

Run by test_durability with the database's path. Lines are `kind id`; each is written to the
pipe whole, so what the parent reads was acknowledged.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from delegation.storage.sqlite import SqliteStorage
from storage.made import FILES, a_batch, a_call, a_link, a_revocation, a_task, digest, proof_of

WRITERS = 6


def acknowledged(kind, written):
    os.write(1, f"{kind} {written.hex()}\n".encode())


async def decide(storage):
    while True:
        call = a_call(call_id=os.urandom(16), audience=FILES)
        await storage.decide(call, proof=proof_of(call))
        acknowledged("call", call.call_id)


async def hand_off(storage):
    while True:
        task = a_task(task_id=os.urandom(16))
        grant = a_link(task)
        await storage.add_grant(task, grant)
        acknowledged("task", task.task_id)
        child = a_link(task, grant, link_id=os.urandom(32))
        await storage.add_handoffs([child])
        acknowledged("link", child.link_id)


async def record(storage, number):
    state = await storage.recorder(digest(("guard", number)))
    while True:
        batch, calls = a_batch(state, 4)
        calls = [
            a_call(call_id=os.urandom(16), guard_key=call.guard_key, guard_sequence=call.guard_sequence)
            for call in calls
        ]
        state = await storage.record_decisions(batch, calls)
        for call in calls:
            acknowledged("call", call.call_id)


async def revoke(storage):
    while True:
        revoked = os.urandom(32)
        await storage.revoke([a_revocation("link", revoked)])
        acknowledged("revocation", revoked)


async def main(path):
    storage = SqliteStorage(path)
    await storage.open()
    os.write(1, b"open\n")
    writes = [write(storage) for write in (decide, hand_off, revoke) for _ in range(WRITERS)]
    await asyncio.gather(*writes, *(record(storage, number) for number in range(WRITERS)))


asyncio.run(main(Path(sys.argv[1])))
