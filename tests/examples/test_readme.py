"""The README's snippets run as they stand, one after another, against a real service."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from support.server import running_server

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


SNIPPETS, COMMANDS = blocks("python"), blocks("sh")


def test_the_snippets_do_what_they_say(tmp_path, monkeypatch):
    assert len(SNIPPETS) == 4
    with running_server(tmp_path, trust_domain="dev.internal") as server:
        monkeypatch.setenv(
            "DELEGATION_PROFILE", str(server.application.issue_profile("spiffe://dev.internal/developer"))
        )
        names: dict[str, Any] = {}
        try:
            for number, snippet in enumerate(SNIPPETS):
                exec(compile(snippet, f"README.md, snippet {number}", "exec"), names)
        finally:
            for name in ("client", "guard"):
                if name in names:
                    names[name].close()
        assert "refund" in names
        assert names["answer"].startswith("12.5")


def test_the_commands_it_names_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {line.split()[1] for block in COMMANDS for line in block.splitlines() if line.startswith("make ")}
    assert named == {"demo", "test"}
    assert named <= targets
