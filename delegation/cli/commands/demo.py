"""`delegation demo`: the first five minutes. The program itself is `examples/demo/main.py` of the repository."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Final

import typer

_PROGRAM: Final = Path("examples", "demo", "main.py")


def demo(context: typer.Context) -> None:
    """Watch a grant, handoffs, a permitted call and every refusal, on real processes and real files.

    Further arguments go to the demo itself.
    """
    program = _repository() / _PROGRAM
    if not program.is_file():
        from delegation.errors import ConfigError

        raise ConfigError("the demo is in the repository, not in the package: clone it and run `make demo` there")
    raise typer.Exit(_run(program, list(context.args)))


def _repository() -> Path:
    """Give the root of the checkout that this runs from; if there is none, a directory without a demo."""
    import delegation

    return Path(delegation.__file__).resolve().parents[1]


def _run(program: Path, arguments: list[str]) -> int:
    sys.path.insert(0, str(program.parent))
    spec = importlib.util.spec_from_file_location("delegation_demo", program)
    if spec is None or spec.loader is None:
        return 1
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return int(module.main(arguments) or 0)
