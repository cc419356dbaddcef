# /// script
# requires-python = ">=3.11"
# dependencies = ["grpcio-tools==1.76.0", "mypy-protobuf==5.1.0"]
# ///
"""Write `delegation/v1` from `proto/delegation/v1`; with `--check`, only say whether it is up to date.

The generator's version is every user's floor: grpcio-tools 1.76.0 writes code that wants protobuf 6.31.1 and
grpcio 1.76.0 or newer. It therefore lives in its own environment (`make proto`), apart from what the project runs on.
"""

from __future__ import annotations

import argparse
import re
import sys
import sysconfig
import tempfile
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

PROTO = Path(__file__).resolve().parent
PACKAGE = Path("delegation", "v1")
INIT = '"""Generated from `proto/delegation/v1` by `proto/generate.py`; never edited."""\n'
PINS = re.findall(r'"([\w-]+)==([\w.]+)"', Path(__file__).read_text(encoding="utf-8").split("# ///")[1])


def main() -> int:
    """Generate or compare; the exit status is 0 when `delegation/v1` is what the contract says."""
    parser = argparse.ArgumentParser(description="Write delegation/v1 from the contract.")
    parser.add_argument("--check", action="store_true", help="change nothing; fail if delegation/v1 is out of date")
    options = parser.parse_args()
    refuse_other_generators()
    with tempfile.TemporaryDirectory() as scratch:
        fresh = generate(Path(scratch))
    committed = PROTO.parent / PACKAGE
    stale = differences(committed, fresh)
    if options.check:
        if stale:
            print(f"{PACKAGE} is not what proto/ says; run `make proto`: {', '.join(stale)}", file=sys.stderr)
        return 1 if stale else 0
    write(committed, fresh, stale)
    print(f"{PACKAGE}: {len(fresh)} files, {len(stale)} changed")
    return 0


def refuse_other_generators() -> None:
    """Stop when the environment holds other versions than the pinned ones."""
    for name, pinned in PINS:
        if (found := version(name)) != pinned:
            sys.exit(f"{name} {found} is installed, {pinned} is pinned: use `make proto`")


def generate(target: Path) -> dict[str, bytes]:
    """Run protoc into `target`; return file name to content."""
    sources = sorted((PROTO / PACKAGE).glob("*.proto"))
    services = [source for source in sources if re.search(r"(?m)^service ", source.read_text(encoding="utf-8"))]
    run_protoc(sources, [f"--python_out={target}", f"--mypy_out=quiet:{target}"])
    run_protoc(services, [f"--grpc_python_out={target}", f"--mypy_grpc_out=quiet:{target}"])
    package = target / PACKAGE
    (package / "__init__.py").write_text(INIT, encoding="utf-8")
    return {path.name: path.read_bytes() for path in package.iterdir()}


def run_protoc(sources: list[Path], outputs: list[str]) -> None:
    """Run protoc over `sources`; end the program with protoc's own complaint when it fails."""
    if not sources:
        return
    scripts = Path(sysconfig.get_path("scripts"))
    plugins = [f"--plugin={name}={scripts / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
    well_known = files("grpc_tools") / "_proto"
    names = [str(source.relative_to(PROTO)) for source in sources]
    if protoc.main(["protoc", f"-I{PROTO}", f"-I{well_known}", *plugins, *outputs, *names]) != 0:
        sys.exit("protoc refused the contract; delegation/v1 is unchanged")


def differences(committed: Path, fresh: dict[str, bytes]) -> list[str]:
    """Name the files that are missing, different, or there without a source."""
    there = {path.name: path.read_bytes() for path in committed.glob("*.py*") if path.is_file()}
    return sorted(name for name in there.keys() | fresh.keys() if there.get(name) != fresh.get(name))


def write(committed: Path, fresh: dict[str, bytes], stale: list[str]) -> None:
    """Bring the stale files of `committed` to what is fresh; remove those without a source."""
    committed.mkdir(parents=True, exist_ok=True)
    for name in stale:
        if name in fresh:
            (committed / name).write_bytes(fresh[name])
        else:
            (committed / name).unlink()


if __name__ == "__main__":
    sys.exit(main())
