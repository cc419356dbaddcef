"""Authority that a checkpoint has kept, and that is no authority any more when it is restored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from attacks.suite import writer as w
from attacks.suite.calls import AttackClass, Attempt, Call, Moment, Recipe, Twin
from attacks.suite.moments import moment_of
from attacks.suite.recipes import path_of
from attacks.suite.worlds import GRANT_MS, World, id_of
from delegation.core import limits
from delegation.core.revocation import Revocation, RevocationKind
from delegation.errors import Reason
from support.chains import MINUTE_MS, NOW_MS, agent, key, some_bytes


def restored(of: int, moment: Moment, *, resigned: bool) -> Recipe:
    """Resume with what a checkpoint holds: the saved call itself, or the saved key and a fresh proof."""

    def recipe(world: World) -> Call:
        made = world.chain(path_of(of))
        changes: dict[int, w.Content | None] = {6: moment.now_ms} if resigned else {}
        return world.call(made, changes=changes, moment=moment)

    return recipe


def knowing(*revoked: tuple[RevocationKind, bytes]) -> Moment:
    return Moment(revoked=tuple(Revocation(kind, identity, NOW_MS + GRANT_MS) for kind, identity in revoked))


def stale_authority() -> Iterator[Attempt]:
    late = {"half a minute and a moment": limits.PROOF_PAST_MS + 1, "five minutes": 5 * MINUTE_MS}
    for of in (1, 2, 3):
        for name, ms in late.items():
            recipe = restored(of, moment_of(NOW_MS + ms), resigned=False)
            yield Attempt(f"a saved call, {name} later, {of} links", Reason.PROOF_STALE, recipe)
        for name, ms in {"a moment after the grant has ended": GRANT_MS + 1_000, "the next day": 86_400_000}.items():
            for resigned, how in ((False, "saved call"), (True, "saved key")):
                recipe = restored(of, moment_of(NOW_MS + ms), resigned=resigned)
                yield Attempt(f"a {how}, {name}, {of} links", Reason.EXPIRED, recipe, 0)
        restarted = Moment(started_ms=NOW_MS + 1)
        recipe = restored(of, restarted, resigned=False)
        yield Attempt(
            f"a saved call, at a guard that was restarted, {of} links", Reason.PROOF_STALE, recipe, online=False
        )
        gone: dict[str, tuple[Moment, Reason, int]] = {
            "the task ended": (knowing((RevocationKind.TASK, some_bytes("task"))), Reason.TASK_ENDED, 0),
            "its key was revoked": (
                knowing((RevocationKind.HOLDER_KEY, key(f"task {path_of(of).split(' -> ')[-1]}").public)),
                Reason.HOLDER_KEY_REVOKED,
                of - 1,
            ),
            "its agent was revoked": (
                knowing((RevocationKind.AGENT, agent(path_of(of).split(" -> ")[-1]).encode())),
                Reason.AGENT_REVOKED,
                of - 1,
            ),
        }
        for name, (moment, reason, at) in gone.items():
            yield Attempt(f"a saved key after {name}, {of} links", reason, restored(of, moment, resigned=True), at)

        def superseded(world: World, of: int = of) -> Call:
            made = world.chain(path_of(of))
            return world.call(made, moment=knowing((RevocationKind.LINK, id_of(made, of - 1))))

        yield Attempt(f"a saved key after its link was replaced, {of} links", Reason.LINK_REVOKED, superseded, of - 1)
    for of in (1, 2, 3):

        def twice(world: World, of: int = of) -> Call:
            made = world.chain(path_of(of), purpose="resumed")
            call = world.call(made)
            went_on = world.call(made, arguments={"path": "/srv/docs"}, changes={7: world.nonce()[::-1]})
            return replace(call, earlier=(call, went_on))

        yield Attempt(f"a saved call, resumed after the program had gone on, {of} links", Reason.PROOF_REPLAYED, twice)


def resumed() -> Iterator[Twin]:
    for of in (1, 2, 3):
        soon = moment_of(NOW_MS + 5 * MINUTE_MS)
        yield Twin(f"a saved key with a fresh proof, {of} links", restored(of, soon, resigned=True))
        at_once = moment_of(NOW_MS + limits.PROOF_PAST_MS)
        yield Twin(f"a saved call, resumed in time, {of} links", restored(of, at_once, resigned=False))


CLASSES = (AttackClass("stale authority after resume", stale_authority, resumed),)
