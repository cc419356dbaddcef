"""A guarded MCP server: any server written with the official SDK, made by `guarded_server` instead of `MCPServer`.

`mcp_client.py` starts it. By itself it waits for a client on standard input, as every stdio server does.
"""

from __future__ import annotations

from delegation_sdk import Guard
from delegation_sdk.integrations.mcp import guarded_server


def main() -> None:
    guard = Guard.connect("weather")  # finds the service by $DELEGATION_PROFILE; closed at exit
    server = guarded_server(guard)

    @server.tool()
    def forecast(city: str, days: int = 1) -> str:
        """Tell what the sky will be like."""
        return f"{city}: clear for {days} day(s)"

    server.run()


if __name__ == "__main__":
    main()
