"""Scenes in which somebody wants more than was given: agents gone bad, with real keys, and a thief without."""

from __future__ import annotations

from demo import attacker
from demo.cues import Refusal
from demo.scenes.work import OVERCHARGE, refunds
from demo.stage import Stage

_CONTRACT = "/suppliers/brightline/contract.md"


def wider_handoff(stage: Stage) -> None:
    """An agent hands on more than it has."""
    told, auditor = stage.narration, stage.auditor
    with told.step(
        "The auditor hands on more than it has: refused", "It may write one report, and hands on all of /reports."
    ):
        asked = auditor.fails("hand_off_more")
        told.show(f"field   {asked.field}", style="quiet", further=3)
        told.show(f"parent  {asked.parent}", style="quiet", further=3)
        told.show(f"child   {asked.child}", style="quiet", further=3)
        told.holds(
            "its own SDK refuses, and names field, parent and child",
            (asked.reason, asked.field, asked.parent, asked.child)
            == ("scope_grew", "scope[files.write_file].path", 'exactly "/reports/o-17.md"', "a path under /reports"),
            found=asked,
        )
        forged = auditor.fails("record_forged_handoff")
        _refused(stage, "signed by hand, the service does not record it", forged, "scope_grew", 2)
        forged = auditor.fails("use_forged_handoff")
        _refused(stage, "and the tool does not act on it", forged, "scope_grew", 2)
        told.holds("nothing was written", not (stage.files / "reports/o-18.md").exists())


def wider_arguments(stage: Stage) -> None:
    """Agents call tools with more than their links permit."""
    told, auditor = stage.narration, stage.auditor
    with told.step(
        "Wider arguments: refused inside the tool, with the hop at fault",
        "Link 0 is the grant; link 1 the auditor's or billing's; link 2 the reader's.",
    ):
        _refused(
            stage,
            "the reader reads the contract, as only its delegator may",
            auditor.fails("reader_reads", path=_CONTRACT),
            "argument_refused",
            2,
        )
        _refused(
            stage,
            "the auditor reads another supplier's",
            auditor.fails("read", path="/suppliers/northwind/contract.md"),
            "argument_refused",
            1,
        )
        _refused(
            stage,
            "the same behind a `..`, which nobody may",
            auditor.fails("read", path="/suppliers/brightline/../northwind/contract.md"),
            "argument_refused",
            0,
        )
        _refused(
            stage,
            "billing refunds 35.00: within the grant, not within its own 20.00",
            stage.billing.fails("refund", order="o-17", amount=35.0),
            "argument_refused",
            1,
        )
        _nothing_booked(stage)


def stolen_token(stage: Stage) -> None:
    """Somebody who heard a call uses its chain."""
    told = stage.narration
    with told.step("A stolen token without its key: refused", "A thief on the wire has heard all that billing sent."):
        heard = attacker.overheard_call(stage.tap.heard(), "refund")
        wanted = {"order": "o-17", "amount": 19.0}
        own = attacker.proof_by_another_key(heard.chain, "billing", "refund", wanted)
        for said, message, reason in (
            ("its chain, with a proof by the thief's own key", heard.altered(wanted, proof=own), "proof_invalid"),
            ("its chain and its proof, with another amount", heard.altered(wanted), "proof_other_call"),
            ("its chain, without a proof", heard.altered(wanted, proof=""), "proof_missing"),
        ):
            _refused(stage, said, attacker.send(message, stage.billing_port), reason)
        _nothing_booked(stage)


def truncated_chain(stage: Stage) -> None:
    """An agent drops the link that narrowed it, to have what its delegator has."""
    told, auditor = stage.narration, stage.auditor
    with told.step(
        "A truncated chain: refused",
        "Agents cut off their own link, to have what their delegator has, and sign with their real keys.",
    ):
        _refused(
            stage,
            "billing refunds 45.00 of o-18, as the grant permits",
            stage.billing.fails("refund_without_own_link", order="o-18", amount=45.0),
            "proof_invalid",
        )
        _refused(
            stage,
            "the reader reads the contract by what is left of its chain",
            auditor.fails("reader_reads_without_own_link", path=_CONTRACT),
            "receipt_missing",
            1,
        )
        _refused(
            stage,
            "and by the auditor's whole chain, receipt included",
            auditor.fails("reader_reads_by_delegators_chain", path=_CONTRACT),
            "proof_invalid",
        )
        _nothing_booked(stage)


def replayed_proof(stage: Stage) -> None:
    """Somebody who heard a call sends it again."""
    told = stage.narration
    with told.step("A replayed call: refused"):
        heard = attacker.overheard_call(stage.tap.heard(), "refund")
        answer = attacker.send(heard, stage.billing_port)
        _refused(stage, "the thief sends billing's call again, byte for byte", answer, "proof_replayed")
        _nothing_booked(stage)


def _refused(stage: Stage, said: str, refusal: Refusal, reason: str, link: int | None = None) -> None:
    """Assert for just which reason, and by the fault of which link, something was refused."""
    stage.narration.holds(said, (refusal.reason, refusal.link) == (reason, link), answer=str(refusal))


def _nothing_booked(stage: Stage) -> None:
    stage.narration.holds("the ledger still has its one row", refunds(stage) == [("o-17", OVERCHARGE)])
