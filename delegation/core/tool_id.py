"""The one text that names a tool: in a task's session, in policies, in records."""

from __future__ import annotations


def tool_id(audience: str, tool: str) -> str:
    """Give "audience.tool", with a dot or percent sign of the audience as %2E or %25: two tools never share one text.

    >>> tool_id("files", "read")
    'files.read'
    >>> tool_id("https://files.example", "v2.read")
    'https://files%2Eexample.v2.read'
    """
    if "." in audience or "%" in audience:
        audience = audience.replace("%", "%25").replace(".", "%2E")
    return f"{audience}.{tool}"
