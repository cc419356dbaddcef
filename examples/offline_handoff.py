"""Handing off while the service is out of reach: where the grant allows it, the work goes on, and is recorded later."""

from __future__ import annotations

import time

from delegation_sdk import Client, Delegation, Guard, Refused, Scope, ServiceUnavailable, one_of, tool
from local_service import local_service

SCOPE = Scope(
    tool("weather", "forecast", city=one_of("Oslo", "Turin")),
    tool("billing", "refund", order="o-17", amount=5),
)


def main() -> None:
    with local_service() as service:
        helper_id = service.id("agent/helper")
        with (
            Guard.connect("weather", service.profile("tool/weather")) as weather,
            Guard.connect("billing", service.profile("tool/billing")) as billing,
            Client.connect(service.profile("agent/planner")) as client,
        ):
            strict = client.begin_task("Always on the record", scope=SCOPE)
            task = client.begin_task("Keep going", scope=SCOPE, unrecorded_handoffs=True)

            service.stop()

            helper = task.hand_off(helper_id)
            print(f"handed off without the service; recorded: {helper.recorded}")
            assert not helper.recorded

            call = helper.call("weather", "forecast", {"city": "Oslo"})
            assert weather.authorize(call.carriage, "forecast", call.arguments).agent == helper_id
            print("the forecast is decided inside the tool: permitted")

            print(f"the refund is the service's to decide: {refused(billing, helper)}")
            assert refused(billing, helper) == "service_unavailable"

            try:
                strict.hand_off(helper_id)
            except ServiceUnavailable:
                print("a grant that wants handoffs recorded: not handed off")
            else:
                raise AssertionError("a handoff was made that nobody recorded")

            service.start()

            helper = client.record(helper)
            print(f"the service is back; recorded: {helper.recorded}")
            assert helper.recorded
            while refused(billing, helper) == "service_unavailable":
                time.sleep(0.1)  # the guard finds it again within a second or two
            assert refused(billing, helper) == "permitted"
            strict.complete()
            task.complete()


def refused(guard: Guard, delegation: Delegation) -> str:
    call = delegation.call("billing", "refund", {"order": "o-17", "amount": 5})
    try:
        guard.authorize(call.carriage, "refund", call.arguments)
    except Refused as why:
        return why.reason
    return "permitted"


if __name__ == "__main__":
    main()
