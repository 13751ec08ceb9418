"""Golden files, and the check for the whole suite: no test's output shows a fake secret or a whole signature."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.secrets import found_in

_told: dict[str, list[str]] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    """--update-goldens: write the golden files anew instead of comparing with them."""
    parser.addoption("--update-goldens", action="store_true", help="write golden files instead of comparing")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with the file of that name in the folder `goldens` beside the test."""

    def compare(name: str, text: str) -> None:
        path = Path(request.path).parent / "goldens" / name
        if request.config.getoption("--update-goldens"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"{path.name} is missing: run pytest --update-goldens and read what it wrote"
        assert text == path.read_text(encoding="utf-8"), f"{path.name}: pytest --update-goldens takes it over"

    return compare


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Look through what a test, and the joinwatch that it ran, wrote to stdout, stderr and the log."""
    for title, text in report.sections:
        found = found_in(text)
        if found:
            # Not the secret itself: this is output too.
            _told[f"{report.nodeid} ({title})"] = [f"{len(each)} characters" for each in found]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Output that shows a secret fails the run, though every test passed."""
    if _told and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say where to look."""
    if not _told:
        return
    terminalreporter.section("secrets in the output", red=True)
    for where, found in _told.items():
        terminalreporter.line(f"{where}: {', '.join(found)}")
