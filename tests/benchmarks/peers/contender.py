"""What everyone who is measured has to show, and how it is seen that all of them really check."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from measure import MeasurementFailedError, Subject


@dataclass(frozen=True, slots=True)
class Attempt:
    """Something that must be refused.

    Attributes:
        what: in words.
        run: tries it.
        reason: why it has to be refused, as `Contender.reason` tells it.
    """

    what: str
    run: Callable[[], object]
    reason: str


@dataclass(frozen=True, slots=True)
class Size:
    """How much travels with a call.

    Attributes:
        binary_bytes: of the chain in its binary form; None if it has none.
        text_bytes: of the chain as a header carries it.
        proof_bytes: of the proof in its binary form; 0 if it has none.
    """

    binary_bytes: int | None
    text_bytes: int
    proof_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A chain, ready to be measured.

    Attributes:
        paths: what to time, by name; each from wire bytes to the decision, and raises if it is no.
        size: of the chain.
        attempts: what must be refused.
    """

    paths: Mapping[str, Subject]
    size: Size
    attempts: Sequence[Attempt]


class Contender(Protocol):
    """A package that verifies chains.

    Attributes:
        name: of the package, with its version.
        says: what the measured path checks and what it does not.
    """

    name: str
    says: str

    def prepare(self, depth: int, *, different: int) -> Prepared:
        """Make a chain of so many links; what may be seen only once is made so many times."""

    def reason(self, error: Exception) -> str:
        """Name the reason of a refusal."""


def require_honest(contender: Contender, prepared: Prepared) -> dict[str, list[str]]:
    """Require that good calls are accepted and every attempt is refused for its reason.

    Returns:
        What was refused, by the reason.

    Raises:
        MeasurementFailedError: one was not.
    """
    for name, subject in prepared.paths.items():
        try:
            subject.run(0)
        except Exception as error:
            raise MeasurementFailedError(f"{name}: a good call is refused: {error!r}") from error
    refused: dict[str, list[str]] = {}
    for attempt in prepared.attempts:
        refused.setdefault(_refused(contender, attempt), []).append(attempt.what)
    return refused


def _refused(contender: Contender, attempt: Attempt) -> str:
    try:
        attempt.run()
    except Exception as error:
        reason = contender.reason(error)
        if reason != attempt.reason:
            raise MeasurementFailedError(f"{contender.name}: {attempt.what}: {error!r}") from error
        return reason
    raise MeasurementFailedError(f"{contender.name}: {attempt.what}: permitted")
