"""Running the program to its one exit code: every failure is one line on stderr, never a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from delegation.cli import exit_codes
from delegation.cli.untrusted_text import visible
from delegation.errors import DelegationError, Refused

_MAX_LINE_CHARACTERS = 600


def run(arguments: Sequence[str] | None) -> int:
    """Run the command line and return its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    _never_fail_to_print()
    try:
        from delegation.cli.program import program

        program()(args=arguments, prog_name="delegation")
        sys.stdout.flush()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else exit_codes.OK
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED
    except BrokenPipeError:
        return _reader_went_away()
    except DelegationError as error:
        _say(_words(error))
        return exit_codes.code_of(error)
    except ModuleNotFoundError as error:
        return _missing(error, arguments)
    except Exception as error:  # noqa: BLE001 - the last line of defence: people get a sentence, not a traceback
        return _unexpected(error, arguments)
    return exit_codes.OK


def _say(message: str) -> None:
    line = visible(" ".join(message.split()) or "failed without a word", limit=_MAX_LINE_CHARACTERS)
    print(f"delegation: {line}", file=sys.stderr)  # noqa: T201


def _words(error: DelegationError) -> str:
    if not isinstance(error, Refused):
        return str(error)
    from delegation.cli.views.reasons import meaning

    return f"refused: {error}: {meaning(error)}"


def _missing(error: ModuleNotFoundError, arguments: list[str]) -> int:
    """Name the extra to install; a missing module of our own is a defect like any other."""
    if error.name is None or error.name.partition(".")[0] in {"delegation", "delegation_sdk"}:
        return _unexpected(error, arguments)
    _say(f"{error.name} is not installed: run `pip install 'delegation-chain[cli,service]'`")
    return exit_codes.CONFIG


def _unexpected(error: Exception, arguments: list[str]) -> int:
    if "--debug" in arguments[:1]:
        raise error
    # Its text may hold anything, a value of somebody else's among them: only its type is shown unasked.
    _say(f"unexpected {type(error).__name__}, which is a defect; `delegation --debug …` shows where")
    return exit_codes.UNEXPECTED


def _never_fail_to_print() -> None:
    """Print what a terminal's encoding does not have as an escape, instead of failing at it."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _reader_went_away() -> int:
    """End quietly, as `… | head` wants it; the interpreter must find nothing left to flush."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return exit_codes.OK
