"""Libraries' records become lines without anything that they quote."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from proxy.telemetry.logs import Logs
from proxy.telemetry.stdlib import LibraryHandler
from tests.support.fake_time import FakeTime

QUOTED = "what-only-a-request-has"
"""Stands for a token, which pytest's own capture of these records would show."""


@pytest.fixture
def written() -> list[bytes]:
    return []


@pytest.fixture
def logger(written: list[bytes]) -> Iterator[logging.Logger]:
    """A library's logger that hands its records to the handler and to nobody else."""
    logger = logging.getLogger("somelibrary.part")
    handler = LibraryHandler(Logs(written.append, time=FakeTime()), FakeTime())
    logger.addHandler(handler)
    logger.propagate = False
    yield logger
    logger.removeHandler(handler)
    logger.propagate = True


def the_line(written: list[bytes]) -> dict[str, Any]:
    (line,) = written
    assert QUOTED not in line.decode()
    return dict(json.loads(line))


def test_a_whole_line(logger: logging.Logger, written: list[bytes]) -> None:
    logger.warning("no answer from %s in %d s", QUOTED, 3)
    assert the_line(written) == {
        "timestamp": "2027-01-15T08:00:00.000Z",
        "level": "warning",
        "event": "library",
        "logger": "somelibrary.part",
        "message": "no answer from %s in %d s",
        "error": None,
        "at": None,
    }


def test_arguments_and_exceptions_are_not_shown(logger: logging.Logger, written: list[bytes]) -> None:
    try:
        json.loads("{" + QUOTED)
    except ValueError:
        logger.exception("cannot read %(body)s", {"body": QUOTED})
    line = the_line(written)
    assert (line["message"], line["error"]) == ("cannot read %(body)s", "JSONDecodeError")
    assert line["at"].rpartition(":")[0].endswith("json/decoder.py")


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (ValueError(QUOTED), "ValueError"),
        ({"token": QUOTED}, "dict"),
        (
            f"Task exception was never retrieved\nfuture: <Task {QUOTED}>",
            "Task exception was never retrieved",
        ),
        ("x" * 300 + QUOTED, "x" * 200),
        (100, "int"),
    ],
    ids=["exception", "dict", "further lines", "long", "number"],
)
def test_free_text_is_not_shown(
    logger: logging.Logger, written: list[bytes], message: object, shown: str
) -> None:
    logger.error(message)
    assert the_line(written)["message"] == shown


def test_nothing_below_warning(logger: logging.Logger, written: list[bytes]) -> None:
    logger.setLevel(logging.DEBUG)
    logger.info("x")
    logger.debug("x")
    assert not written


def test_a_line_that_cannot_be_written_harms_nobody(
    logger: logging.Logger, written: list[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    logger.warning("half a character: \ud800 %s", QUOTED)
    assert not written
    assert capsys.readouterr() == ("", "")


async def test_what_asyncio_says_of_a_task(written: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("asyncio")
    monkeypatch.setattr(
        logger, "handlers", [LibraryHandler(Logs(written.append, time=FakeTime()), FakeTime())]
    )
    monkeypatch.setattr(logger, "propagate", False)

    async def fail() -> None:
        raise ValueError(QUOTED)

    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    error = task.exception()
    asyncio.get_running_loop().call_exception_handler(
        {"message": "Task exception was never retrieved", "exception": error, "future": task}
    )
    line = the_line(written)
    assert (line["logger"], line["error"]) == ("asyncio", "ValueError")
    assert line["message"] == "Task exception was never retrieved"
