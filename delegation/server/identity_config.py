"""One entry of `identities`: a caller that the operator lists, and what it may do."""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, PlainSerializer, model_validator

from delegation.core.keys import check_public_key
from delegation.core.notation import scope_from_plain, scope_to_plain
from delegation.errors import DelegationError
from delegation.identity.port import Caller, Ceiling, Role
from delegation.identity.spiffe import parse_spiffe_id
from delegation.server.issuers_config import PrincipalRuleConfig, TokenHolderConfig

_ANYTHING = "any"
_AUDIENCES = "audiences"


def _spiffe_id(value: object) -> object:
    if isinstance(value, str):
        try:
            parse_spiffe_id(value)
        except DelegationError as error:
            raise ValueError(str(error)) from None
    return value


def _ceiling(value: object) -> Ceiling:
    """Read a ceiling: `"any"`, `{ audiences = […] }`, or a list of capabilities in the plain notation."""
    if value == _ANYTHING:
        return Ceiling.UNLIMITED
    if isinstance(value, dict):
        return _audiences_ceiling(value)
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ValueError('write "any", { audiences = […] }, or a list of capabilities')
    try:
        return Ceiling(scope_from_plain(value)) if value else Ceiling.NOTHING
    except DelegationError as error:
        raise ValueError(f"{error}: correct the capability") from None


def _audiences_ceiling(value: dict[str, object]) -> Ceiling:
    audiences = value.get(_AUDIENCES)
    if set(value) != {_AUDIENCES} or not isinstance(audiences, list) or not all(map(_is_name, audiences)):
        raise ValueError('write { audiences = ["files"] }, with the names of audiences')
    return Ceiling(audiences=frozenset(audiences))


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _shown_ceiling(ceiling: Ceiling) -> str | dict[str, Any] | list[dict[str, Any]]:
    if ceiling.unlimited:
        return _ANYTHING
    if ceiling.audiences:
        return {_AUDIENCES: sorted(ceiling.audiences)}
    return scope_to_plain(ceiling.scope) if ceiling.scope is not None else []


def _approval_key(value: object) -> object:
    if isinstance(value, str):
        try:
            check_public_key(bytes.fromhex(value))
        except (ValueError, DelegationError):
            raise ValueError(
                "it is no Ed25519 public key in hexadecimal: copy what `delegation approvals make-key` prints"
            ) from None
    return value


_MOST_APPROVAL_KEYS: Final = 8
_ApprovalKey = Annotated[str, BeforeValidator(_approval_key)]
_Names = Annotated[frozenset[Annotated[str, Field(min_length=1)]], PlainSerializer(sorted)]


class IdentityConfig(BaseModel):
    """A caller. Everything that is not said is not permitted.

    Attributes:
        id: Its SPIFFE ID.
        owner: The person or team that answers for it.
        roles: Of agent, orchestrator, tool, approver, auditor, operator.
        audiences: For a tool, the audiences it speaks for.
        ceiling: For an orchestrator, the most its grants may permit: capabilities, all of some audiences, or "any".
        principals: For an orchestrator, on whose behalf its grants may be, besides its own.
        tokens: Whose access tokens stand for it, besides a certificate or JWT-SVID with its id.
        approval_keys: For an approver, the public keys of which one signs what they approve, each 64 hexadecimal digits
            (`delegation approvals make-key`). With keys, nothing that is not signed is an approval of theirs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, BeforeValidator(_spiffe_id)]
    owner: Annotated[str, Field(min_length=1)]
    roles: Annotated[frozenset[Role], Field(min_length=1), PlainSerializer(sorted)]
    audiences: _Names = frozenset()
    ceiling: Annotated[InstanceOf[Ceiling], BeforeValidator(_ceiling), PlainSerializer(_shown_ceiling)] = (
        Ceiling.NOTHING
    )
    principals: tuple[PrincipalRuleConfig, ...] = ()
    tokens: tuple[TokenHolderConfig, ...] = ()
    approval_keys: Annotated[tuple[_ApprovalKey, ...], Field(max_length=_MOST_APPROVAL_KEYS)] = ()

    @model_validator(mode="after")
    def _has_the_roles_it_needs(self) -> Self:
        """Refuse what would have no effect: somebody meant something by it."""
        if self.audiences and Role.TOOL not in self.roles:
            raise ValueError("only a tool speaks for audiences: give it the role tool, or remove them")
        if self.ceiling != Ceiling.NOTHING and Role.ORCHESTRATOR not in self.roles:
            raise ValueError("only an orchestrator has a ceiling: give it that role, or remove it")
        if self.principals and Role.ORCHESTRATOR not in self.roles:
            raise ValueError("only an orchestrator has principals: give it that role, or remove them")
        if self.approval_keys and Role.APPROVER not in self.roles:
            raise ValueError("only an approver has approval_keys: give it that role, or remove them")
        return self

    def caller(self) -> Caller:
        """Return the caller that this entry describes."""
        return Caller(
            id=self.id,
            roles=self.roles,
            audiences=self.audiences,
            ceiling=self.ceiling,
            principals=tuple(each.rule() for each in self.principals),
            owner=self.owner,
            token_holders=tuple(each.holder() for each in self.tokens),
            approval_keys=tuple(map(bytes.fromhex, self.approval_keys)),
        )
