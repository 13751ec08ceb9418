"""docs/operations.md has every service of docker-compose.yml with its profile and its ports."""

from __future__ import annotations

import re

from .project import ROOT, whole


def test_every_port_is_documented() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = text.partition("## With Docker Compose\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([\w-]+)` \| (\w*) ?\| (?:`([\d.:]+)`)? ?\| .+ \|$", section, re.MULTILINE)
    published = {
        (name, *service.get("profiles", [""]), where)
        for name, service in whole().services.items()
        for where in [f"{port['host_ip']}:{port['published']}" for port in service.get("ports", [])] or [""]
    }
    assert set(rows) == published
    assert len(rows) == len(published)
