"""An orchestrator in three lines: connect, begin a task, hand off a part of it. More than it has it cannot."""

from __future__ import annotations

from delegation_sdk import Client, Scope, ScopeGrew, at_most, one_of, tool
from local_service import local_service

SCOPE = Scope(
    tool("weather", "forecast", city=one_of("Oslo", "Turin")),
    tool("billing", "refund", order="o-17", amount=at_most("50.00")),
)


def main() -> None:
    with local_service() as service:
        profile, billing = service.profile("agent/orchestrator"), service.id("agent/billing")

        with Client.connect(profile) as client, client.task("Refund order o-17", scope=SCOPE) as task:
            helper = task.hand_off(billing, scope=task.scope.only("billing", "refund").where(amount=at_most("20.00")))

            print(f"{helper.agent} may do {helper.scope.describe()}")
            assert [each.link.holder_agent for each in helper.links] == [client.agent, billing]
            assert helper.scope == Scope(tool("billing", "refund", order="o-17", amount=at_most("20.00")))
            assert helper.recorded, "the service has a record of every handoff"

            try:
                helper.hand_off(service.id("agent/other"), scope=task.scope)
            except ScopeGrew as refused:
                print(f"refused: {refused}")
                assert refused.field == "scope[billing.refund].amount"
            else:
                raise AssertionError("a handoff of more than one has was not refused")
            # The block is left: the task is completed, and everything handed on in it revoked.


if __name__ == "__main__":
    main()
