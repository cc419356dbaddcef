"""Every name that spans and metrics carry, in one place. Nothing else in this project spells one out.

Tokens, proofs, keys and arguments have no name here, hence no place in a span.
"""

from __future__ import annotations

from typing import Final

SCOPE: Final = "delegation-chain"

# Span names are "{operation} {object}", as the GenAI conventions have them.
INVOKE_AGENT: Final = "invoke_agent"
DELEGATE: Final = "delegate"
EXECUTE_TOOL: Final = "execute_tool"
AUTHORIZE: Final = "authorize"

# Conventions of others, all in Development.
OPERATION_NAME: Final = "gen_ai.operation.name"
AGENT_ID: Final = "gen_ai.agent.id"
CONVERSATION_ID: Final = "gen_ai.conversation.id"
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
ERROR_TYPE: Final = "error.type"
RPC_SYSTEM: Final = "rpc.system.name"
RPC_METHOD: Final = "rpc.method"
RPC_STATUS_CODE: Final = "rpc.status_code"

# Our own: nobody has a convention for authorization.
TASK_ID: Final = "delegation.task.id"
CHAIN_DEPTH: Final = "delegation.chain.depth"
LINK_ID: Final = "delegation.link.id"
LINK_INDEX: Final = "delegation.link.index"
LEAF_AGENT: Final = "delegation.leaf.agent"
PRINCIPAL: Final = "delegation.principal"
AUDIENCE: Final = "delegation.audience"
DECISION: Final = "delegation.decision"
REASON: Final = "delegation.reason"
REASON_LINK: Final = "delegation.reason.link"
OPERATION: Final = "delegation.storage.operation"
RECORDED: Final = "delegation.recorded"
REVOCATION_AGE: Final = "delegation.revocation.age"
OBSERVED: Final = "delegation.observed"
DIFFERENCE: Final = "delegation.tool.difference"
BREAK_GLASS: Final = "delegation.break_glass"
BREAK_GLASS_OPERATOR: Final = "delegation.break_glass.operator"

ALLOWED: Final = "allowed"
REFUSED: Final = "refused"

# Metrics.
DECISIONS: Final = "delegation.decisions"
DECISION_DURATION: Final = "delegation.decision.duration"
DECISION_POINT_DURATION: Final = "delegation.decision_point.duration"
BREAK_GLASS_CALLS: Final = "delegation.break_glass.calls"
UNKNOWN_CHAINS: Final = "delegation.chains.unknown"
TOOL_DIFFERENCES: Final = "delegation.tools.differences"
RPC_DURATION: Final = "rpc.server.call.duration"
RPC_ACTIVE: Final = "delegation.rpc.active"
WRITE_QUEUE: Final = "delegation.storage.queue"
WRITE_DURATION: Final = "delegation.storage.write.duration"
FEED_POSITION: Final = "delegation.feed.position"
FEED_AGE: Final = "delegation.feed.age"
CERTIFICATE_LEFT: Final = "delegation.certificate.remaining"
BUNDLE_LEFT: Final = "delegation.bundle.remaining"
BUNDLE_VERSION: Final = "delegation.bundle.version"
READY: Final = "delegation.ready"
KEYS_MISSING: Final = "delegation.keys.missing"
