"""What the SDK does with the service, step by step and without I/O: each flow asks for RPCs and is given their answers.

A flow is a generator. The drivers in `client` and `aio` are the only ones that run them.
"""

from delegation_sdk.flows.complete import complete_task
from delegation_sdk.flows.grant import GrantWanted, grant
from delegation_sdk.flows.hand_off import HandOffWanted, hand_off, record
from delegation_sdk.flows.listen import Listening
from delegation_sdk.flows.offer import list_agents, register_agent, request_offer, unregister_agent
from delegation_sdk.flows.renew import reissue, renew
from delegation_sdk.flows.revoke import revoke_id, revoke_link
from delegation_sdk.flows.rpc import Duplex, Flow, Rpc
from delegation_sdk.flows.tool_reports import list_tool_reports

__all__ = [
    "Duplex",
    "Flow",
    "GrantWanted",
    "HandOffWanted",
    "Listening",
    "Rpc",
    "complete_task",
    "grant",
    "hand_off",
    "list_agents",
    "list_tool_reports",
    "record",
    "register_agent",
    "reissue",
    "renew",
    "request_offer",
    "revoke_id",
    "revoke_link",
    "unregister_agent",
]
