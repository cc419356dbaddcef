"""All classes of attack, in the order of the page, and one run of them all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from attacks.suite import (
    addresses,
    approvals,
    carrying,
    conditions,
    encodings,
    expressions,
    federations,
    fields,
    holders,
    identities,
    issuers,
    kinds,
    limits_of_size,
    moments,
    observations,
    outages,
    overreach,
    paths,
    principals,
    proofs,
    receipts,
    replays,
    resumptions,
    revocations,
    scopes,
    signatures,
    signed_approvals,
    structure,
    tasks,
    values,
)
from attacks.suite.calls import AttackClass, Call
from attacks.suite.doors import Kernel
from attacks.suite.guard_door import GuardDoor
from attacks.suite.runner import Report, run
from attacks.suite.service_doors import running_doors
from attacks.suite.worlds import KernelWorld

GROUPS: tuple[Any, ...] = (
    scopes,
    kinds,
    moments,
    conditions,
    signatures,
    structure,
    issuers,
    federations,
    holders,
    fields,
    encodings,
    limits_of_size,
    revocations,
    proofs,
    replays,
    overreach,
    values,
    paths,
    addresses,
    expressions,
    tasks,
    resumptions,
    approvals,
    signed_approvals,
    identities,
    principals,
    receipts,
    carrying,
    outages,
    observations,
)
CLASSES: tuple[AttackClass, ...] = tuple(each for group in GROUPS for each in group.CLASSES)


def tools_called(classes: tuple[AttackClass, ...]) -> Iterator[tuple[str, str]]:
    """List the tools that are called, for the catalogue of the guards."""
    world = KernelWorld()
    for each in classes:
        for one in (*each.attempts(), *each.twins()):
            if one.online is not True and isinstance(call := one.recipe(world), Call):
                yield from ((c.audience, c.tool) for c in (call, *call.earlier))


def report(directory: Path | None, *, only: str = "") -> Report:
    """Run all classes.

    Args:
        directory: empty, for the running service; None to do without it.
        only: a part of the names of the classes to run.
    """
    classes = tuple(each for each in CLASSES if only in each.name)
    with ExitStack() as stack:
        guard = GuardDoor(tools_called(classes))
        stack.callback(guard.close)
        online = stack.enter_context(running_doors(directory)) if directory else []
        return run(classes, (Kernel(), guard), online)
