"""A real MCP server over streamable HTTP: books refunds in a ledger that it keeps in SQLite. Every call is guarded.

python -m demo.tools.billing_server LEDGER PORT

The ledger stands for whatever a refund does in the world.
"""

from __future__ import annotations

import signal
import sqlite3
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from delegation_sdk import Guard
from delegation_sdk.integrations.mcp import guarded_server
from delegation_sdk.tracing import configure_from_environment

_SCHEMA = "CREATE TABLE IF NOT EXISTS refund (id INTEGER PRIMARY KEY, ordered TEXT NOT NULL, amount TEXT NOT NULL)"


def serve(ledger: Path, port: int) -> None:
    """Serve on a port of this machine."""
    with closing(sqlite3.connect(ledger)) as database:
        database.execute(_SCHEMA)
    guard = Guard.connect("billing")  # closed at exit: what it decided is delivered
    server = guarded_server(guard, log_level="WARNING")

    @server.tool()
    def refund(order: str, amount: Decimal) -> str:
        """Refund an amount for an order."""
        with closing(sqlite3.connect(ledger)) as database, database:
            database.execute("INSERT INTO refund (ordered, amount) VALUES (?, ?)", (order, f"{amount:.2f}"))
        return f"refunded {amount:.2f} for {order}"

    server.run("streamable-http", host="127.0.0.1", port=port)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # an orderly end, so that the guard is closed
    configure_from_environment()
    serve(Path(sys.argv[1]), int(sys.argv[2]))
