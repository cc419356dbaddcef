"""What a guard is given as options, made into its parts. What needs a file is loaded where one is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, Literal

from delegation.errors import ConfigError
from delegation_sdk.guard_ports import GuardPorts
from delegation_sdk.shared_replay import SharedReplay

if TYPE_CHECKING:
    from pathlib import Path

    from delegation.core.trust import TrustBundle
    from delegation_sdk.break_glass import BreakGlassFile
    from delegation_sdk.feed_cache import FeedCache

OBLIGATIONS: Final = ("notify", "redact")
"""What a permission may demand of a tool."""


def feed_cache(directory: Path | None) -> FeedCache | None:
    """Give what keeps the revocation feed over restarts, in a directory of the guard's own."""
    if directory is None:
        return None
    from delegation_sdk.feed_cache import FeedCache

    return FeedCache(directory)


def shared_replay(given: SharedReplay | Literal["service"] | None, ports: GuardPorts) -> SharedReplay | None:
    """Give the store of used proofs that all instances share: the given one, or the service's.

    Raises:
        ConfigError: The service has none.
    """
    if given != "service":
        return given
    if ports.proofs is None:
        raise ConfigError("this guard has no service to use up proofs: give it another store")
    return ports.proofs


def break_glass_file(
    path: Path | None,
    audience: str,
    *,
    trust: Callable[[], TrustBundle],
    root: bytes,
    used_orders: Path | None,
    replay: SharedReplay | None,
) -> BreakGlassFile | None:
    """Give the operator's break-glass statements in a file.

    Args:
        path: The file; it may come later. None: no statements are taken.
        audience: Whom the guard's tools speak for.
        trust: Gives the trust bundle that is in force.
        root: The root public key that signs it, 32 bytes.
        used_orders: The directory where statements of single use are used up; None: in `replay`.
        replay: The store of used proofs that all instances share, if there is one.
    """
    if path is None:
        return None
    from delegation_sdk.break_glass import BreakGlassFile
    from delegation_sdk.used_orders import UsedOrderFiles

    used = UsedOrderFiles(used_orders) if used_orders else replay
    return BreakGlassFile(path, audience, trust=trust, root=root, used=used)


def promised(obligations: Iterable[str]) -> tuple[str, ...]:
    """Give the obligations that a guard's tools fulfil, each once, in order.

    Raises:
        ConfigError: One of them is none.
    """
    names = tuple(sorted(set(obligations)))
    if unknown := [name for name in names if name not in OBLIGATIONS]:
        raise ConfigError(f"{unknown[0]} is no obligation: it is one of {', '.join(OBLIGATIONS)}")
    return names
