"""The looks that are the same on every panel: colours by meaning, thresholds, and bands around a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .model import Json, Override, by_name

# Colours that people with any kind of colour blindness tell apart (Okabe and Ito, "Color Universal Design", 2008).
GREEN: Final = "#009E73"
SKY: Final = "#56B4E9"
BLUE: Final = "#0072B2"
YELLOW: Final = "#F0E442"
ORANGE: Final = "#E69F00"
VERMILION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
GREY: Final = "#8E8E8E"

JOIN_OUTCOMES: Final = {
    "joined": GREEN,
    "invalid_signature": VERMILION,
    "signature_expired": PURPLE,
    "other_failure": ORANGE,
    "no_result": GREY,
}
SIGNATURE_OUTCOMES: Final = {
    "issued": GREEN,
    "refused": ORANGE,
    "no_signature": YELLOW,
    "unobserved": GREY,
    "backend_error": VERMILION,
    "timeout": PURPLE,
    "client_gone": BLUE,
    "rejected": SKY,
}
VERDICTS: Final = {"ok": GREEN, "warning": ORANGE, "refused": VERMILION}
RECEIVED: Final = {"accepted": GREEN, "duplicate": SKY, "rejected": VERMILION, "deferred": ORANGE}

RATE_3712: Final[tuple[tuple[float, str], ...]] = ((0, GREEN), (0.01, ORANGE), (0.1, VERMILION))
"""Green below the ticket's 1 %, vermilion from the page's 10 % on."""

LOSS: Final[tuple[tuple[float, str], ...]] = ((0, GREEN), (0.5, VERMILION))
"""For counts that must be 0: increase() is seldom a whole number, so half of one is one."""

NO_COLOUR: Final[tuple[tuple[float, str], ...]] = ((0, "text"),)

AT_LEAST: Final = "at least (95 %)"
AT_MOST: Final = "at most (95 %)"


def thresholds(steps: tuple[tuple[float, str], ...]) -> Json:
    """Steps of value and colour as Grafana writes them; the first one begins below everything."""
    return {
        "mode": "absolute",
        "steps": [
            {"color": colour, "value": None if index == 0 else value}
            for index, (value, colour) in enumerate(steps)
        ],
    }


def fixed(colour: str) -> Json:
    """A colour that does not depend on the value."""
    return {"mode": "fixed", "fixedColor": colour}


def coloured(colours: Mapping[str, str]) -> tuple[Override, ...]:
    """The same name, the same colour, everywhere."""
    return tuple(by_name(name, color=fixed(colour)) for name, colour in colours.items())


def band(colour: str, middle: str, low: str = AT_LEAST, high: str = AT_MOST) -> tuple[Override, ...]:
    """`middle` as a line, and what lies between `low` and `high` shaded; the two edges are in the tooltip only."""
    hidden: Json = {"legend": True, "tooltip": False, "viz": False}
    edge: Json = {"color": fixed(colour), "custom.lineWidth": 0, "custom.hideFrom": hidden}
    lower, upper = (
        edge | {"custom.fillOpacity": 0},
        edge | {"custom.fillBelowTo": low, "custom.fillOpacity": 22},
    )
    return (
        by_name(middle, color=fixed(colour)),
        by_name(low, **lower),
        by_name(high, **upper),
    )


def mapped(*values: tuple[float, str, str]) -> list[Json]:
    """Values shown as words: (value, word, colour)."""
    return [
        {
            "type": "value",
            "options": {
                f"{value:g}": {"text": word, "color": colour, "index": index}
                for index, (value, word, colour) in enumerate(values)
            },
        }
    ]


UNKNOWN: Final[Json] = {
    "type": "special",
    "options": {"match": "null+nan", "result": {"text": "–", "color": "text", "index": 0}},
}
"""What has no value is a dash, never 0."""
