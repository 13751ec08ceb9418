"""joinwatch report --html: one file that asks for nothing and says what the summary says."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.cli import main
from proxy.ledger.store import Store
from proxy.services import joins as joins_service
from tests.ledger.builders import RAISED, record
from tests.support import seeded
from tests.support.app import ENVIRONMENT, NATIVE
from tests.support.html import Document, Fetched
from tests.support.joinwatch import joinwatch
from tests.support.secrets import ADMIN_TOKEN, found_in
from tests.support.servers import unused_port

HOSTILE = "</style><script>alert(1)</script><img src=//evil.example/x>"


pytestmark = pytest.mark.usefixtures("nobody_runs")


def written(tmp_path: Path, *arguments: str) -> tuple[str, Document]:
    """The report's text, and the same taken apart."""
    assert main(("report", *arguments, "--html", "report.html")) == 0
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    return text, Document(text)


def configured(tmp_path: Path, more: str = "") -> None:
    """A configuration of the seeded backends whose joinwatch does not run."""
    listen = f'[listen]\nadmin = "127.0.0.1:{unused_port()}"\n'
    (tmp_path / "joinwatch.toml").write_text(f"{seeded.CONFIG}{listen}{more}")
    (tmp_path / "var").mkdir()


def test_the_report_of_a_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configured(tmp_path)
    records = seeded.write(tmp_path / "var" / "joinwatch.db", time.time())
    text, page = written(tmp_path)
    assert "reading the ledger instead" in capsys.readouterr().err
    outcomes = Counter(each.result.outcome.value for each in records)
    assert (
        f"{len(records):,} joins in the last hour; Zoom refused {outcomes['invalid_signature']:,} of the"
        in page.text
    )
    for signer in seeded.SIGNERS:
        own = Counter(each.result.outcome.value for each in records if each.issuance.signer == signer.name)
        assert re.search(
            rf"\b{signer.name} [0-9.]+ % 3712 rate: .{{0,60}} {own['joined']} joined {own['invalid_signature']} 3712",
            page.text,
        )
        if signer.cause:
            assert signer.evidence in page.text
    assert page.text.count("failed on their signature meanwhile") == 5
    assert len([each for each in page.all("svg") if each.attributes.get("class") == "picture"]) == 6
    assert "by the ledger" in page.text.lower()
    # Nothing is asked for, nothing runs.
    assert Fetched.of(page).addresses == []
    assert page.all("script") == []
    assert [link for link in page.links() if not link.startswith("#")] == []
    assert not re.search(r"@import|url\(", text)
    [policy] = [each.attributes["content"] for each in page.all("meta") if "http-equiv" in each.attributes]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")


async def test_the_report_of_a_running_joinwatch(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(ADMIN_TOKEN)
    config = f'{NATIVE}[listen]\nadmin_token_file = "{tmp_path}/token"\n'
    async with joinwatch(tmp_path, config, ENVIRONMENT) as watch:
        ran = await asyncio.to_thread(
            subprocess.run,
            (
                sys.executable,
                "-m",
                "proxy",
                "report",
                "--admin",
                watch.admin,
                "--html",
                str(tmp_path / "r.html"),
            ),
            cwd=Path(__file__).parents[2],
            env={**os.environ, "JOINWATCH_ADMIN_TOKEN": ADMIN_TOKEN},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
        text = (tmp_path / "r.html").read_text(encoding="utf-8")
        assert found_in(text) == []
        assert "No joins in the last hour." in Document(text).text
        assert f"By {watch.admin};" in Document(text).text


def test_what_strangers_wrote_is_text(tmp_path: Path) -> None:
    configured(tmp_path)
    now = time.time()
    suspicion = replace(RAISED.suspicion, evidence=HOSTILE, advice=f"`{HOSTILE}`", replicas=(HOSTILE,))
    with closing(Store(f"sqlite:///{tmp_path}/var/joinwatch.db")) as store:
        store.keep_causes(
            [replace(RAISED, backend=HOSTILE, suspicion=suspicion, raised_at=now - 60, cleared_at=None)]
        )
        store.append([record("r", received_at=now - 5, signer=HOSTILE, late=False)], 5)
    text, page = written(tmp_path)
    assert (page.all("script"), page.all("img")) == ([], [])
    assert text.count("</style>") == 1
    assert HOSTILE in page.text


def test_where_there_are_more_joins_than_a_picture_has_room_for_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(tmp_path)
    seeded.write(tmp_path / "var" / "joinwatch.db", time.time())
    note = "The pictures show the newest joins only"
    assert note not in written(tmp_path)[1].text
    monkeypatch.setattr(joins_service, "MAX_POINTS", 100)
    monkeypatch.setattr("proxy.commands.report_source.MAX_POINTS", 100)
    assert note in written(tmp_path)[1].text


def test_a_file_that_cannot_be_written_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configured(tmp_path)
    seeded.write(tmp_path / "var" / "joinwatch.db", time.time(), count=5)
    assert main(("report", "--html", "no/such/folder/report.html")) == 2
    assert (
        "--html no/such/folder/report.html cannot be written: no such file or directory"
        in capsys.readouterr().err
    )
