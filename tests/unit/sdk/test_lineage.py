from __future__ import annotations

import inspect
from dataclasses import replace

import pytest

from delegation.core.chain import Principal, PrincipalBasis
from delegation.core.lineage import RecordedTask
from delegation.errors import RequestFailed
from delegation.v1 import lineage_service_pb2 as pb
from delegation.wire.lineage import read_list_tasks_request, tasks_response_message
from delegation_sdk import flows, lineage
from delegation_sdk.flows import least_privilege as least_privilege_flows
from delegation_sdk.flows import lineage as lineage_flows
from delegation_sdk.flows import task_summary as summary_flows

TASK = RecordedTask(bytes(16), "Tidy up", Principal("ada", "idp", PrincipalBasis.ASSERTED), "spiffe://a/b", 1, 2)
TASKS = [replace(TASK, task_id=number.to_bytes(16, "big")) for number in range(1200)]


def answered(flow, answer):
    """Run a flow, and give what it found and what it asked."""
    asked = []
    try:
        rpc = next(flow)
        while True:
            asked.append(rpc.request)
            rpc = flow.send(answer(rpc.request))
    except StopIteration as done:
        return done.value, asked


def page_of_tasks(request):
    start = int.from_bytes(read_list_tasks_request(request).page.cursor or b"")
    end = start + request.page_size
    cursor = end.to_bytes(4, "big") if end < len(TASKS) else None
    return tasks_response_message(TASKS[start:end], cursor)


@pytest.mark.parametrize(
    ("limit", "found", "more", "pages"),
    [
        (10, 10, True, [10]),
        (600, 600, True, [500, 100]),
        (5_000, 1_200, False, [500, 500, 500]),
        (1_200, 1_200, False, [500, 500, 200]),
    ],
)
def test_a_list_is_read_page_by_page_up_to_its_limit(limit, found, more, pages):
    result, asked = answered(lineage_flows.list_tasks(limit=limit), page_of_tasks)
    assert result.items == tuple(TASKS[:found])
    assert result.more is more
    assert [request.page_size for request in asked] == pages


def test_a_chain_that_is_none_is_the_services_fault():
    with pytest.raises(RequestFailed, match="makes no sense"):
        answered(lineage_flows.get_chain(bytes(32)), lambda _: pb.GetChainResponse(token=b"\xff"))


def test_both_drivers_offer_the_same():
    def surface(driver):
        public = {name: member for name, member in vars(driver).items() if not name.startswith("_")}
        return {name: str(inspect.signature(member)).replace("Async", "") for name, member in public.items()}

    assert surface(lineage.Lineage) == surface(lineage.AsyncLineage)
    written = {*vars(lineage_flows), *vars(least_privilege_flows), *vars(summary_flows)}
    assert set(surface(lineage.Lineage)) <= written
    assert flows.revoke_id
