"""Writes dashboards/grafana/*.json."""

from __future__ import annotations

from . import files

if __name__ == "__main__":
    for path, text in files.rendered().items():
        path.write_text(text, encoding="utf-8")
