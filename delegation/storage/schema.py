"""The tables, once for every database.

Primary keys are time-ordered where that is ours to choose, because inserts at the end of an
index are several times cheaper than inserts all over it; each further index is there for one
question of the port and costs every write. There are no foreign keys: a link may be recorded
before its parent, and what a row refers to is checked by the operation that enters it.

A change here needs a migration; a test compares both.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

METADATA: Final = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s__%(column_0_N_name)s",
        "uq": "uq_%(table_name)s__%(column_0_N_name)s",
    }
)

# A SQLite column is the table's own row number only if it is declared INTEGER.
_POSITION: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# Bytes compared as bytes: with a language's rules an index could fall apart when the system's locales are upgraded.
_TEXT: Final = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _column(name: str, kind: type[sa.types.TypeEngine[Any]], *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, _TEXT if kind is sa.Text else kind, nullable=null)


def _key(name: str, kind: type[sa.types.TypeEngine[Any]]) -> sa.Column[Any]:
    return sa.Column(name, _TEXT if kind is sa.Text else kind, primary_key=True, autoincrement=False)


tasks: Final = sa.Table(
    "tasks",
    METADATA,
    _key("task_id", sa.LargeBinary),
    _column("grant_link_id", sa.LargeBinary),
    _column("holder_agent", sa.Text),
    _column("principal_subject", sa.Text),
    _column("principal_issuer", sa.Text),
    _column("principal_basis", sa.Text),
    _column("purpose", sa.Text),
    _column("created_ms", sa.BigInteger),
    _column("expires_ms", sa.BigInteger),
    _column("caller", sa.Text),
    _column("trace_id", sa.LargeBinary, null=True),
    _column("completed_ms", sa.BigInteger, null=True),
    _column("completed_by", sa.Text, null=True),
    sa.Index(None, "holder_agent", "task_id"),
    sa.Index(None, "caller", "task_id"),
)

links: Final = sa.Table(
    "links",
    METADATA,
    _key("link_id", sa.LargeBinary),
    _column("task_id", sa.LargeBinary),
    _column("parent_link_id", sa.LargeBinary, null=True),
    _column("index", sa.Integer),
    _column("holder_agent", sa.Text),
    _column("holder_key", sa.LargeBinary),
    _column("signed", sa.LargeBinary),
    _column("expires_ms", sa.BigInteger),
    _column("recorded_ms", sa.BigInteger),
    _column("receipt", sa.LargeBinary),
    _column("caller", sa.Text),
    _column("trace_id", sa.LargeBinary, null=True),
    _column("span_id", sa.LargeBinary, null=True),
    _column("vouched", sa.Boolean, null=True),
    _column("unjudged", sa.Boolean, null=True),
    sa.Index(None, "task_id", "index"),
    sa.Index(None, "holder_agent", "task_id"),
)

calls: Final = sa.Table(
    "calls",
    METADATA,
    _key("call_id", sa.LargeBinary),
    _column("task_id", sa.LargeBinary, null=True),
    _column("leaf_link_id", sa.LargeBinary, null=True),
    _column("leaf_agent", sa.Text),
    _column("principal_subject", sa.Text),
    _column("audience", sa.Text),
    _column("tool", sa.Text),
    _column("allowed", sa.Boolean),
    _column("reason", sa.Text),
    _column("layer", sa.Text),
    _column("link_index", sa.Integer, null=True),
    _column("arguments_digest", sa.LargeBinary),
    _column("proof_nonce", sa.LargeBinary),
    _column("decided_ms", sa.BigInteger),
    _column("decided_by", sa.Text),
    _column("recorded_ms", sa.BigInteger),
    _column("feed_position", sa.BigInteger),
    _column("caller", sa.Text),
    _column("proof", sa.LargeBinary),
    _column("guard_key", sa.LargeBinary, null=True),
    _column("guard_sequence", sa.BigInteger, null=True),
    _column("record", sa.LargeBinary, null=True),
    _column("catalogue_digest", sa.LargeBinary, null=True),
    _column("policy_digest", sa.LargeBinary, null=True),
    _column("trace_id", sa.LargeBinary, null=True),
    _column("span_id", sa.LargeBinary, null=True),
    _column("rules", sa.Text, null=True),
    _column("obligations", sa.Text, null=True),
    _column("arguments", sa.Text, null=True),
    _column("inputs", sa.Text, null=True),
    _column("observed", sa.Text, null=True),
    _column("reserved", sa.Text, null=True),
    sa.Index(None, "task_id", "call_id"),
    sa.Index(None, "audience", "call_id"),
    sa.Index(None, "tool", "call_id"),
    sa.Index(None, "leaf_agent", "call_id"),
)
# Denials are what people search for, and rare: only they are indexed.
sa.Index(
    "ix_calls__denied",
    calls.c.call_id,
    sqlite_where=calls.c.allowed.is_(False),
    postgresql_where=calls.c.allowed.is_(False),
)

outcomes: Final = sa.Table(
    "outcomes",
    METADATA,
    _key("call_id", sa.LargeBinary),
    _column("status", sa.Text),
    _column("impact", sa.Text),
    _column("reported_ms", sa.BigInteger),
    _column("caller", sa.Text),
    _column("signed", sa.LargeBinary),
)

# Nonces alone would be written all over the index, one page each; after the time they come in order.
proofs: Final = sa.Table(
    "proofs",
    METADATA,
    _key("issued_ms", sa.BigInteger),
    _key("nonce", sa.LargeBinary),
    _column("audience", sa.Text),
    _column("caller", sa.Text),
    _column("request_digest", sa.LargeBinary),
    _column("call_id", sa.LargeBinary, null=True),
    sqlite_with_rowid=False,
)

recorders: Final = sa.Table(
    "recorders",
    METADATA,
    _key("guard_key", sa.LargeBinary),
    _column("next_sequence", sa.BigInteger),
    _column("last_hash", sa.LargeBinary),
    sqlite_with_rowid=False,
)

decision_batches: Final = sa.Table(
    "decision_batches",
    METADATA,
    _key("guard_key", sa.LargeBinary),
    _key("first_sequence", sa.BigInteger),
    _column("previous_hash", sa.LargeBinary),
    _column("last_hash", sa.LargeBinary),
    _column("signed", sa.LargeBinary),
    _column("caller", sa.Text),
    _column("recorded_ms", sa.BigInteger),
)

revocations: Final = sa.Table(
    "revocations",
    METADATA,
    _column("kind", sa.Text),
    _column("id", sa.LargeBinary),
    _column("revoked_ms", sa.BigInteger),
    _column("expires_ms", sa.BigInteger),
    _column("revoked_by", sa.Text),
    _column("why", sa.Text),
    sa.Column("position", _POSITION, primary_key=True, autoincrement=False),
    sa.Index(None, "kind", "id"),
    sa.Index(None, "expires_ms"),
)

# The last position given out outlives the entries, which are forgotten when they expire.
feed_head: Final = sa.Table(
    "feed_head",
    METADATA,
    _key("feed", sa.Text),
    _column("position", sa.BigInteger),
)

# What was issued up to here may have been used and forgotten, whatever the clock says by which that was judged.
horizons: Final = sa.Table(
    "horizons",
    METADATA,
    _key("of", sa.Text),
    _column("until_ms", sa.BigInteger),
)

# What has happened in a task. Its row is the lock of all that the task has used.
sessions: Final = sa.Table(
    "sessions",
    METADATA,
    _key("task_id", sa.LargeBinary),
    _column("state", sa.Text),
    _column("version", sa.BigInteger),
    _column("expires_ms", sa.BigInteger),
    sa.Index(None, "expires_ms"),
)

# What was used of one condition of one link; `key` is made of account, audience, tool and argument.
usage: Final = sa.Table(
    "usage",
    METADATA,
    _key("task_id", sa.LargeBinary),
    _key("key", sa.LargeBinary),
    _column("account", sa.LargeBinary),
    _column("audience", sa.Text),
    _column("tool", sa.Text),
    _column("argument", sa.Text),
    _column("used", sa.Text),
    _column("expires_ms", sa.BigInteger),
    sa.Index(None, "expires_ms"),
)

# What calls took from budgets as programs of schema 0004 note it: read if they fail, written by none of today.
reservations: Final = sa.Table(
    "reservations",
    METADATA,
    _key("call_id", sa.LargeBinary),
    _column("task_id", sa.LargeBinary),
    _column("entries", sa.Text),
    _column("released", sa.Boolean),
    _column("expires_ms", sa.BigInteger),
    sa.Index(None, "expires_ms"),
)

agent_labels: Final = sa.Table(
    "agent_labels",
    METADATA,
    _key("agent", sa.Text),
    _key("label", sa.Text),
    _column("until_ms", sa.BigInteger),
    sa.Index(None, "until_ms"),
)

# What an agent did lately, in all its tasks. Its row is the lock of that.
agent_history: Final = sa.Table(
    "agent_history",
    METADATA,
    _key("agent", sa.Text),
    _column("history", sa.Text),
    _column("until_ms", sa.BigInteger),
    sa.Index(None, "until_ms"),
)

# Which calls that guards have recorded are counted there, by their proofs: each once.
agent_acts: Final = sa.Table(
    "agent_acts",
    METADATA,
    _key("proof_id", sa.LargeBinary),
    _column("until_ms", sa.BigInteger),
    sa.Index(None, "until_ms"),
)

# The answers to a request, and whether it was used up, are guarded by the lock of its task's session.
approval_requests: Final = sa.Table(
    "approval_requests",
    METADATA,
    _key("request_id", sa.LargeBinary),
    _column("task_id", sa.LargeBinary),
    _column("link_id", sa.LargeBinary),
    _column("audience", sa.Text),
    _column("tool", sa.Text),
    _column("arguments_digest", sa.LargeBinary),
    _column("policy_digest", sa.LargeBinary),
    _column("arguments_json", sa.LargeBinary, null=True),
    _column("purpose", sa.Text),
    _column("principal_subject", sa.Text),
    _column("principal_issuer", sa.Text),
    _column("principal_basis", sa.Text),
    _column("agents", sa.Text),
    _column("demands", sa.Text),
    _column("requester", sa.Text),
    _column("requested_ms", sa.BigInteger),
    _column("expires_ms", sa.BigInteger),
    _column("task_expires_ms", sa.BigInteger),
    _column("state", sa.Text),
    _column("withdrawn_by", sa.Text),
    _column("call_id", sa.LargeBinary, null=True),
    _column("holder", sa.Text, null=True),
    _column("token", sa.LargeBinary, null=True),
    sa.Index(None, "task_id", "request_id"),
    sa.Index(None, "requester", "request_id"),
)
# Each decision that demands consent looks for what stands: few, whatever was withdrawn or used before. The text is in
# queries, too, word by word: with a parameter neither database would know that the index has what is looked for.
APPROVAL_STANDS: Final = sa.text("state IN ('pending', 'approved')")
sa.Index(
    "ix_approval_requests__live",
    approval_requests.c.link_id,
    approval_requests.c.arguments_digest,
    sqlite_where=APPROVAL_STANDS,
    postgresql_where=APPROVAL_STANDS,
)
APPROVAL_REFUSED: Final = sa.text("state = 'refused'")
sa.Index(
    "ix_approval_requests__refused",
    approval_requests.c.task_id,
    approval_requests.c.arguments_digest,
    sqlite_where=APPROVAL_REFUSED,
    postgresql_where=APPROVAL_REFUSED,
)
# What can still be answered, and what has arguments to be forgotten: few, whatever there was.
sa.Index(
    "ix_approval_requests__arguments",
    approval_requests.c.expires_ms,
    sqlite_where=approval_requests.c.arguments_json.is_not(None),
    postgresql_where=approval_requests.c.arguments_json.is_not(None),
)
sa.Index(
    "ix_approval_requests__holder",
    approval_requests.c.holder,
    sqlite_where=approval_requests.c.arguments_json.is_not(None),
    postgresql_where=approval_requests.c.arguments_json.is_not(None),
)
sa.Index(
    "ix_approval_requests__principal",
    approval_requests.c.principal_subject,
    approval_requests.c.principal_issuer,
    sqlite_where=approval_requests.c.arguments_json.is_not(None),
    postgresql_where=approval_requests.c.arguments_json.is_not(None),
)

approval_answers: Final = sa.Table(
    "approval_answers",
    METADATA,
    _key("request_id", sa.LargeBinary),
    _key("approver", sa.Text),
    _column("approver_issuer", sa.Text),
    _column("authentication_strength", sa.Text),
    _column("is_principal", sa.Boolean),
    _column("approve", sa.Boolean),
    _column("justification", sa.Text),
    _column("answered_ms", sa.BigInteger),
    _column("key_id", sa.LargeBinary),
    _column("payload", sa.LargeBinary),
    _column("signature", sa.LargeBinary),
    _column("level", sa.Text, null=True),
)

# Which approvals calls have used, by the SHA-256 of what was signed: whatever becomes of requests and answers.
approval_uses: Final = sa.Table(
    "approval_uses",
    METADATA,
    _key("approval_digest", sa.LargeBinary),
    _column("call_id", sa.LargeBinary),
    _column("expires_ms", sa.BigInteger),
    sa.Index(None, "expires_ms"),
)

responses: Final = sa.Table(
    "responses",
    METADATA,
    _key("caller", sa.Text),
    _key("method", sa.Text),
    _key("key", sa.Text),
    _column("request_digest", sa.LargeBinary),
    _column("response", sa.LargeBinary),
    _column("expires_ms", sa.BigInteger),
    sa.Index(None, "expires_ms"),
)

agents: Final = sa.Table(
    "agents",
    METADATA,
    _key("agent_id", sa.Text),
    _column("owner", sa.Text),
    _column("registered_ms", sa.BigInteger),
    _column("caller", sa.Text),
)

offers: Final = sa.Table(
    "offers",
    METADATA,
    _key("offer_digest", sa.LargeBinary),
    _column("agent_id", sa.Text),
    _column("holder_key", sa.LargeBinary),
    _column("audience", sa.Text),
    _column("expires_ms", sa.BigInteger),
    _column("signed", sa.LargeBinary),
    _column("taken_by", sa.Text, null=True),
    sa.Index(None, "agent_id", "expires_ms"),
    sa.Index(None, "expires_ms"),
)

tool_reports: Final = sa.Table(
    "tool_reports",
    METADATA,
    _key("report_id", sa.LargeBinary),
    _column("audience", sa.Text),
    _column("tool", sa.Text),
    _column("caller", sa.Text),
    _column("manifest_digest", sa.LargeBinary),
    _column("effects", sa.Text),
    _column("labels", sa.Text),
    _column("state", sa.Text),
    _column("state_since_ms", sa.BigInteger),
    _column("first_seen_ms", sa.BigInteger),
    _column("last_seen_ms", sa.BigInteger),
    _column("expires_ms", sa.BigInteger),
    sa.Index(None, "caller"),
    sa.Index(None, "audience", "tool"),
    sa.Index(None, "expires_ms"),
)

documents: Final = sa.Table(
    "documents",
    METADATA,
    _key("kind", sa.Text),
    _key("version", sa.BigInteger),
    _column("content", sa.LargeBinary),
    _column("stored_ms", sa.BigInteger),
)
