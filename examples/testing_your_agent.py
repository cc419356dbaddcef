"""Testing an agent and a tool of one's own: real keys, chains and refusals, in memory, without a network."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from delegation.errors import NotPermitted
from delegation_sdk import Guard, Scope, at_most, context, tool
from delegation_sdk.client import Task
from delegation_sdk.testing import Authority


def refund_tool(guard: Guard, ledger: list[tuple[str, Decimal]]) -> Callable[..., str]:
    """The tool under test."""

    @guard.tool("refund", effects=["write", "spends"])
    def refund(order: str, amount: Decimal) -> str:
        ledger.append((order, amount))
        return f"refunded {amount}"

    return refund


def agent(task: Task, refund: Callable[..., str], amount: float) -> str:
    """The agent under test: what a framework's adapter does, it does by hand."""
    call = task.call("billing", "refund", {"order": "o-17", "amount": amount})
    with context.received(call.carriage):
        return refund(**call.arguments)


def test_the_agent_refunds_what_it_may_and_nothing_more() -> None:
    ledger: list[tuple[str, Decimal]] = []
    with Authority() as authority:
        refund = refund_tool(authority.guard_for("billing"), ledger)
        client = authority.client("spiffe://test.example/agent/billing")
        scope = Scope(tool("billing", "refund", order="o-17", amount=at_most("20.00")))

        with client.task("Refund order o-17", scope=scope) as task:
            assert agent(task, refund, 12.5) == "refunded 12.5"
            try:
                agent(task, refund, 35)
            except NotPermitted as refused:
                assert (refused.reason, refused.field) == ("argument_refused", "refund.amount")
            else:
                raise AssertionError("35 were refunded")

    assert ledger == [("o-17", Decimal("12.5"))]
    assert [decision.allowed for decision in authority.decisions] == [True, False]


if __name__ == "__main__":
    test_the_agent_refunds_what_it_may_and_nothing_more()
    print("the agent refunds what it may, and nothing more")
