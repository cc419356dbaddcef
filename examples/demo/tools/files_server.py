"""A real MCP server over stdio: reads, lists and writes real files below a directory. Every call is guarded.

    python -m demo.tools.files_server DIRECTORY

The guard knows paths as texts; that a symbolic link leads out of the directory is the tool's own business.
"""

from __future__ import annotations

import sys
from pathlib import Path

from delegation_sdk import Guard
from delegation_sdk.integrations.mcp import guarded_server
from delegation_sdk.tracing import configure_from_environment


def serve(root: Path) -> None:
    """Serve the files below a directory, which clients see as "/"."""
    guard = Guard.connect("files")  # closed at exit: what it decided is delivered
    server = guarded_server(guard, log_level="WARNING")

    def inside(path: str) -> Path:
        found = (root / path.removeprefix("/")).resolve()
        if not found.is_relative_to(root):
            raise ValueError("outside of what is served")
        return found

    @server.tool()
    def list_directory(path: str) -> list[str]:
        """List the names in a directory."""
        return sorted(entry.name for entry in inside(path).iterdir())

    @server.tool()
    def read_file(path: str) -> str:
        """Read a text file."""
        return inside(path).read_text(encoding="utf-8")

    @server.tool()
    def write_file(path: str, text: str) -> int:
        """Write a text file, and tell how many characters it has."""
        return inside(path).write_text(text, encoding="utf-8")

    server.run()


if __name__ == "__main__":
    configure_from_environment()
    serve(Path(sys.argv[1]).resolve())
