"""The check for the whole suite: no test's output shows one of the fake secrets or a whole signature."""

from __future__ import annotations

import pytest

from tests.support.secrets import found_in

_told: dict[str, list[str]] = {}


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
