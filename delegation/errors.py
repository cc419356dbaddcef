"""The one exception tree of delegation-chain. Exceptions carry data; their text is made from it.

    DelegationError
    ├── Refused                 a decision: this is not permitted, and here is why
    │   ├── Malformed           layer decode       the bytes do not say anything valid
    │   ├── BadSignature        layer signature    nobody trusted said it
    │   ├── BadLinkage          layer linkage      the links do not follow from one another
    │   ├── ScopeGrew           layer narrowing    a link permits more than the one before it
    │   ├── OutsideTime         layer time         too early or too late
    │   ├── BadStatement        layer statement    a receipt or another statement is missing or wrong
    │   ├── Revoked             layer revocation   revoked, or not known not to be
    │   ├── BadProof            layer proof        the caller did not show that the call is its own
    │   ├── NotPermitted        layer scope        the chain does not permit this call
    │   ├── ConditionUnmet      layer condition    a condition with state does not hold
    │   ├── PolicyDenied        layer policy       the operator's rules forbid it
    │   └── Undecided           layer availability no decision could be had, which is a denial
    ├── RequestFailed           the service did not do what it was asked
    │   └── Unauthenticated, PermissionDenied, InvalidRequest, NotFound, Conflict, Overloaded,
    │       ServiceUnavailable
    ├── StorageError            the database failed, is too new, or is overloaded
    └── ConfigError             one line that says what to do

Nothing else leaves a public function: a leaked ValueError is a bug. No exception here ever holds
the value of a call's argument, a token, a key or a proof.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Layer(StrEnum):
    """The part of verification or authorization that refused (SPEC section 12)."""

    DECODE = "decode"
    SIGNATURE = "signature"
    LINKAGE = "linkage"
    NARROWING = "narrowing"
    TIME = "time"
    STATEMENT = "statement"
    REVOCATION = "revocation"
    PROOF = "proof"
    SCOPE = "scope"
    CONDITION = "condition"
    POLICY = "policy"
    AVAILABILITY = "availability"


class Reason(StrEnum):
    """Why something was refused: stable, for machines. `errors.proto` has the same names."""

    # decode
    TOKEN_TOO_LARGE = "token_too_large"
    MALFORMED = "malformed"
    NOT_CANONICAL = "not_canonical"
    VERSION_UNSUPPORTED = "version_unsupported"
    FIELD_INVALID = "field_invalid"
    KEY_INVALID = "key_invalid"
    NO_LINKS = "no_links"
    TOO_MANY_LINKS = "too_many_links"
    TOO_MANY_CAPABILITIES = "too_many_capabilities"
    TOO_MANY_ARGUMENTS = "too_many_arguments"
    TOO_MANY_VALUES = "too_many_values"
    NESTING_TOO_DEEP = "nesting_too_deep"
    CONSTRAINT_UNSUPPORTED = "constraint_unsupported"
    CONDITION_UNSUPPORTED = "condition_unsupported"
    STATEMENT_UNSUPPORTED = "statement_unsupported"
    # signature
    ISSUER_UNKNOWN = "issuer_unknown"
    ISSUER_NOT_TRUSTED = "issuer_not_trusted"
    SIGNATURE_INVALID = "signature_invalid"
    # linkage
    GRANT_MISSING = "grant_missing"
    GRANT_REPEATED = "grant_repeated"
    DEPTH_EXCEEDED = "depth_exceeded"
    # narrowing
    SCOPE_GREW = "scope_grew"
    # time
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    LIFETIME_TOO_LONG = "lifetime_too_long"
    # statement
    RECEIPT_MISSING = "receipt_missing"
    STATEMENT_INVALID = "statement_invalid"
    BUNDLE_INVALID = "bundle_invalid"
    BUNDLE_ROLLBACK = "bundle_rollback"
    BUNDLE_EXPIRED = "bundle_expired"
    OFFER_INVALID = "offer_invalid"
    RECORDS_INVALID = "records_invalid"
    # revocation
    LINK_REVOKED = "link_revoked"
    HOLDER_KEY_REVOKED = "holder_key_revoked"
    AGENT_REVOKED = "agent_revoked"
    TASK_ENDED = "task_ended"
    PRINCIPAL_REVOKED = "principal_revoked"
    ISSUER_KEY_REVOKED = "issuer_key_revoked"
    FEED_STALE = "feed_stale"
    FEED_GAP = "feed_gap"
    FEED_ROLLBACK = "feed_rollback"
    # proof
    CHAIN_MISSING = "chain_missing"
    PROOF_MISSING = "proof_missing"
    PROOF_INVALID = "proof_invalid"
    PROOF_OTHER_CALL = "proof_other_call"
    PROOF_STALE = "proof_stale"
    PROOF_FROM_FUTURE = "proof_from_future"
    PROOF_REPLAYED = "proof_replayed"
    # scope
    TOOL_NOT_PERMITTED = "tool_not_permitted"
    ARGUMENT_UNEXPECTED = "argument_unexpected"
    ARGUMENT_MISSING = "argument_missing"
    ARGUMENT_REFUSED = "argument_refused"
    ARGUMENTS_INVALID = "arguments_invalid"
    ARGUMENTS_TOO_LARGE = "arguments_too_large"
    EVALUATION_EXHAUSTED = "evaluation_exhausted"
    # condition
    CONDITION_UNMET = "condition_unmet"
    CALLS_EXHAUSTED = "calls_exhausted"
    BUDGET_EXCEEDED = "budget_exceeded"
    SESSION_FULL = "session_full"
    APPROVAL_REQUIRED = "approval_required"
    # policy
    CEILING_EXCEEDED = "ceiling_exceeded"
    POLICY_DENIED = "policy_denied"
    NOT_YOUR_AUDIENCE = "not_your_audience"
    FEDERATION_EXCEEDED = "federation_exceeded"
    AUTHENTICATION_REQUIRED = "authentication_required"
    # availability
    SERVICE_UNAVAILABLE = "service_unavailable"
    RECORD_BACKLOG = "record_backlog"
    CHAIN_UNKNOWN = "chain_unknown"
    INTERNAL = "internal"


class DelegationError(Exception):
    """Root of everything that this project raises."""


class Refused(DelegationError):
    """A decision against. Raised as the subclass of its layer by `refusal`.

    Attributes:
        reason: why, stable.
        layer: which part of verification or authorization refused.
        link_index: index of the link at fault, 0 for the grant; None if no link is.
        field: for growth and arguments, the path of the field: "scope[files.read].path".
        parent: for growth, what the parent permits, in words.
        child: for growth, what was asked, in words.
        detail: one more sentence for people; never a value that a caller sent.
        call_id: of a call that a guard refused, the id under which the denial is recorded, 16 bytes; else empty.
        approval_request_id: of the request for approval that waits for an answer, 16 bytes; else empty.
        acr_values: for AUTHENTICATION_REQUIRED, how the principal may sign in (OIDC acr), any one of these; empty: in
            any way.
        max_age_s: for AUTHENTICATION_REQUIRED, for how many seconds after it a sign-in counts; None: for as long as
            the grant does.
    """

    layer: Layer = Layer.AVAILABILITY

    def __init__(
        self,
        reason: Reason,
        *,
        link_index: int | None = None,
        field: str = "",
        parent: str = "",
        child: str = "",
        detail: str = "",
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.link_index = link_index
        self.field = field
        self.parent = parent
        self.child = child
        self.detail = detail
        self.call_id = b""
        self.approval_request_id = b""
        self.acr_values: tuple[str, ...] = ()
        self.max_age_s: int | None = None

    def __str__(self) -> str:
        parts = [f"{self.reason}"]
        if self.link_index is not None:
            parts.append(f"at link {self.link_index}")
        if self.field:
            parts.append(f"in {self.field}")
        text = " ".join(parts)
        if self.parent or self.child:
            text += f": parent permits {self.parent or 'nothing'}, asked for {self.child}"
        return f"{text} ({self.detail})" if self.detail else text

    def at(self, link_index: int) -> Refused:
        """This refusal, blamed on a link unless it already is on one."""
        if self.link_index is None:
            self.link_index = link_index
        return self


class Malformed(Refused):
    """The bytes do not say anything valid."""

    layer = Layer.DECODE


class BadSignature(Refused):
    """Nobody trusted signed this."""

    layer = Layer.SIGNATURE


class BadLinkage(Refused):
    """The links do not follow from one another."""

    layer = Layer.LINKAGE


class ScopeGrew(Refused):
    """A link permits more than the one before it."""

    layer = Layer.NARROWING


class OutsideTime(Refused):
    """Too early or too late."""

    layer = Layer.TIME


class BadStatement(Refused):
    """A receipt or another statement is missing or wrong."""

    layer = Layer.STATEMENT


class Revoked(Refused):
    """Something the chain rests on is revoked, or is not known not to be."""

    layer = Layer.REVOCATION


class BadProof(Refused):
    """The caller did not show that the call is its own."""

    layer = Layer.PROOF


class NotPermitted(Refused):
    """The chain does not permit this call."""

    layer = Layer.SCOPE


class ConditionUnmet(Refused):
    """A condition that needs state does not hold."""

    layer = Layer.CONDITION


class PolicyDenied(Refused):
    """The operator's rules forbid it."""

    layer = Layer.POLICY


class Undecided(Refused):
    """No decision could be had, which is a denial."""

    layer = Layer.AVAILABILITY


_FIRST_OF_LAYER: Final[dict[Reason, type[Refused]]] = {
    Reason.TOKEN_TOO_LARGE: Malformed,
    Reason.ISSUER_UNKNOWN: BadSignature,
    Reason.GRANT_MISSING: BadLinkage,
    Reason.SCOPE_GREW: ScopeGrew,
    Reason.NOT_YET_VALID: OutsideTime,
    Reason.RECEIPT_MISSING: BadStatement,
    Reason.LINK_REVOKED: Revoked,
    Reason.CHAIN_MISSING: BadProof,
    Reason.TOOL_NOT_PERMITTED: NotPermitted,
    Reason.CONDITION_UNMET: ConditionUnmet,
    Reason.CEILING_EXCEEDED: PolicyDenied,
    Reason.SERVICE_UNAVAILABLE: Undecided,
}


def _classes() -> dict[Reason, type[Refused]]:
    """Give each reason the class of its layer: Reason lists the layers one after another."""
    classes: dict[Reason, type[Refused]] = {}
    current: type[Refused] = Malformed
    for reason in Reason:
        current = _FIRST_OF_LAYER.get(reason, current)
        classes[reason] = current
    return classes


_CLASS: Final = _classes()


def refusal(
    reason: Reason,
    *,
    link_index: int | None = None,
    field: str = "",
    parent: str = "",
    child: str = "",
    detail: str = "",
) -> Refused:
    """Make the exception that belongs to a reason; arguments as the attributes of `Refused`."""
    return _CLASS[reason](reason, link_index=link_index, field=field, parent=parent, child=child, detail=detail)


def layer_of(reason: Reason) -> Layer:
    """Tell the layer that a reason belongs to."""
    return _CLASS[reason].layer


class RequestFailed(DelegationError):
    """The service did not do what it was asked; `str()` is one sentence for people."""


class Unauthenticated(RequestFailed):
    """The service does not know who is calling."""


class PermissionDenied(RequestFailed):
    """The caller's role, ceiling or audiences do not cover the request."""


class InvalidRequest(RequestFailed):
    """The request itself makes no sense."""


class NotFound(RequestFailed):
    """What was named is not there, or not for this caller to see."""


class Conflict(RequestFailed):
    """The request contradicts what is already recorded."""


class Overloaded(RequestFailed):
    """The service has too much to do; try again after `retry_after_ms`."""

    def __init__(self, message: str, *, retry_after_ms: int = 100) -> None:
        super().__init__(message)
        self.retry_after_ms = retry_after_ms


class ServiceUnavailable(RequestFailed):
    """The service cannot be reached, or did not answer in time."""


class StorageError(DelegationError):
    """The database failed.

    Attributes:
        reason: "storage_unavailable", "schema_newer" or "overloaded".
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ConfigError(DelegationError):
    """Something the operator or user set is wrong; `str()` is one line that says what to do."""
