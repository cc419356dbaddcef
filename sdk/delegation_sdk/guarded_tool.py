"""A function that runs only for calls that its guard lets run: what `@guard.tool` makes of it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from delegation.core.named_tuple import NamedTuple
from delegation.core.records import OutcomeStatus
from delegation.core.trust import Effect
from delegation.errors import ConfigError, Reason, refusal
from delegation_sdk import context
from delegation_sdk.served_call import ServedCall

if TYPE_CHECKING:
    from delegation_sdk.guard import Guard

CALLER: Final = "caller"
_UNNAMED: Final = {"POSITIONAL_ONLY", "VAR_POSITIONAL", "VAR_KEYWORD"}


class DeclaredTool(NamedTuple):
    """What a tool's author says about it. The operator's catalogue may know better.

    Attributes:
        name: The tool's name.
        effects: What it does; empty if that was not said.
        labels: Of its results.
        defaults: What it uses for arguments that are not sent.
    """

    name: str
    effects: frozenset[Effect]
    labels: frozenset[str]
    defaults: Mapping[str, Any] = MappingProxyType({})

    def of(self, function: Callable[..., Any]) -> DeclaredTool:
        """Give the declaration with a function's own defaults."""
        return self._replace(defaults=defaults_of(function))


def defaults_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Give what a function uses for arguments that are not passed, as JSON has it."""
    import inspect  # 5 ms, which a guard that wraps no function need not spend

    parameters = inspect.signature(function).parameters.values()
    return {
        each.name: _json(each.default)
        for each in parameters
        if each.default is not inspect.Parameter.empty and each.name != CALLER
    }


def guarded(guard: Guard, declared: DeclaredTool, function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function so that it runs only for calls that the guard lets run.

    Raises:
        ConfigError: It takes arguments that cannot be named.
    """
    import inspect  # as above

    signature = inspect.signature(function)
    if any(each.kind.name in _UNNAMED for each in signature.parameters.values()):
        raise ConfigError(f"tool {declared.name}: a guarded function names each of its arguments")
    wants_caller = CALLER in signature.parameters
    visible = signature.replace(parameters=[p for p in signature.parameters.values() if p.name != CALLER])
    defaults = defaults_of(function)

    def sent(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        try:
            bound = visible.bind(*args, **kwargs)
        except TypeError:
            raise refusal(Reason.ARGUMENTS_INVALID, detail="the tool does not take these arguments") from None
        return {name: _json(value) for name, value in bound.arguments.items()}

    def with_caller(kwargs: dict[str, Any], call: ServedCall) -> dict[str, Any]:
        return {**kwargs, CALLER: call} if wants_caller else kwargs

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def run_async(*args: Any, **kwargs: Any) -> Any:
            call = context.take_served_call(guard.audience, declared.name) or await guard.aio.authorize(
                context.received_carriage(), declared.name, sent(args, kwargs), defaults=defaults
            )
            with reporting(guard, call):
                return await function(*args, **with_caller(kwargs, call))

        wrapper: Callable[..., Any] = run_async
    else:

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            call = context.take_served_call(guard.audience, declared.name) or guard.authorize(
                context.received_carriage(), declared.name, sent(args, kwargs), defaults=defaults
            )
            with reporting(guard, call):
                return function(*args, **with_caller(kwargs, call))

        wrapper = run
    # Frameworks derive the tool's schema from this; the caller is nobody's argument.
    wrapper.__signature__ = visible  # type: ignore[attr-defined]
    wrapper.__annotations__ = {k: v for k, v in function.__annotations__.items() if k != CALLER}
    return wrapper


@contextmanager
def reporting(guard: Guard, call: ServedCall) -> Iterator[None]:
    """Report the outcome of what runs inside, unless it does so itself.

    An exception means that a tool which only reads has failed. Of any other it is not known whether it had an effect
    before: what was reserved for it stays spent.
    """
    try:
        yield
    except BaseException:
        call.report(OutcomeStatus.FAILED if guard.only_reads(call.tool) else OutcomeStatus.UNKNOWN)
        raise
    call.report(OutcomeStatus.OK)


def _json(value: Any) -> Any:
    """Give an exact decimal as the number that JSON has for it; all else as it is."""
    if isinstance(value, Decimal) and value.is_finite():
        number = int(value) if value == value.to_integral_value() else float(value)
        return number if Decimal(repr(number)) == value else value
    return value
