"""Dashboard *Join failures*: are joins refused with 3712, where, since when, and why?"""

from __future__ import annotations

from typing import Final

from . import join_details
from .dashboard import Dashboard, Section, row
from .furniture import STATUS_PAGE, WINDOW
from .joins import BOUNDS, JOINED, ONE_JOIN, RATE_IS, REFUSED, known, rate_and_bounds, rate_columns, refused
from .looks import AT_LEAST, AT_MOST, JOIN_OUTCOMES, RATE_3712, VERMILION, band, coloured
from .model import Link, Override, Panel, Query
from .panels import bars, lines, stat, table
from .queries import RATE, at_least, at_most, count, per_second, share
from .shared import suspected_causes

_WAY_ON: Final = (
    Link(
        "Its signatures and clock",
        "/d/joinwatch-signatures-clocks?${__url_time_range}&var-backend=${__value.raw}",
    ),
    STATUS_PAGE,
)


def _answer() -> tuple[Panel, ...]:
    return (
        stat(
            "Are joins refused with 3712?",
            f"{RATE_IS}Over the dashboard's time range and the chosen backends; retries count as joins. "
            "Normal: 0. From 1 % on it is worth a ticket, from 10 % on it is an incident. – means that "
            "nobody joined.",
            Query(share(refused(), known()), "3712 rate", instant=True),
            width=5,
            unit="percentunit",
            steps=RATE_3712,
            background=True,
            defaults={"decimals": 1, "min": 0, "max": 1},
        ),
        stat(
            "How sure is that?",
            f"{BOUNDS}Where the lower one is above 1 %, it is no accident. Normal: the lower bound is 0.",
            Query(at_least(refused(), known()), AT_LEAST, instant=True),
            Query(at_most(refused(), known()), AT_MOST, instant=True),
            width=4,
            unit="percentunit",
            steps=RATE_3712,
            defaults={"decimals": 1, "min": 0, "max": 1},
        ),
        _where(),
        suspected_causes(7),
    )


def _where() -> Panel:
    return table(
        "Where? By backend that signed",
        f"{RATE_IS}The highest lower bound is on top: there the refusals are surest. Over the dashboard's "
        "time range. `other` is a backend that the configuration does not have any more. Click a name for "
        "its signatures and its clock. Normal: 0 % everywhere.",
        [("backend", "Backend")],
        *rate_columns("joins", "backend"),
        width=8,
        sort="At least",
        links=_WAY_ON,
        empty="Nobody joined in this time",
    )


def _counts() -> Panel:
    queries = [
        Query(count("joins", f'outcome="{outcome}"'), outcome, instant=True) for outcome in JOIN_OUTCOMES
    ]
    return stat(
        "How did the joins end?",
        "Results of joins in the dashboard's time range, by outcome. no_result: the page was closed or fell "
        "silent before a result; it is not part of the 3712 rate. Normal: nearly all joined.",
        *queries,
        width=24,
        side_by_side=True,
        defaults={"decimals": 0},
        overrides=coloured(JOIN_OUTCOMES),
    )


def _over_time() -> tuple[Panel, ...]:
    return (
        lines(
            "How has the 3712 rate moved?",
            f"{RATE_IS}{BOUNDS}Each point covers at least the time chosen under *Share over at least*: choose "
            "more where few people join. A gap: nobody joined. The dashed lines are 1 % and 10 %. Normal: "
            "the line at 0.",
            *rate_and_bounds(),
            width=14,
            unit="percentunit",
            ceiling=1,
            steps=RATE_3712,
            overrides=band(VERMILION, "3712 rate"),
        ),
        bars(
            "How many people joined, and how did it end?",
            "Join results by outcome in each step. Look here before you judge a rate: of how many joins is "
            "it? Normal: green.",
            Query(count("joins", by="outcome", over=RATE), "{{outcome}}", step="$window"),
            width=10,
            overrides=coloured(JOIN_OUTCOMES),
        ),
    )


def _each_backend() -> Panel:
    return lines(
        "3712 rate of $backend",
        f"{RATE_IS}{BOUNDS}Compare the backends: bounds that do not overlap are a difference. Normal: the "
        "line at 0.",
        *rate_and_bounds("backend"),
        width=24,
        unit="percentunit",
        ceiling=1,
        steps=RATE_3712,
        overrides=band(VERMILION, "3712 rate"),
        repeat="backend",
        empty="Nobody joined",
    )


def _bursts() -> tuple[Panel, ...]:
    minute = f"{refused('backend', '1m')}\n  /\n  ({known('backend', '1m')} >= 3)"
    return (
        bars(
            "Do the refusals come in bursts?",
            "Joins a minute, over a moving minute. A backend that rounds iat in float32 fails for 33 s of "
            "every 128 s (64 s without a margin): red blocks, two minutes apart, nothing between them. A "
            "steady share of red is another cause. Look at three hours or less: longer steps blur the "
            f"blocks. {ONE_JOIN} Normal: no red.",
            Query(f"60 * {per_second('joins', REFUSED)}", "invalid_signature", step="15s", exemplars=True),
            Query(f"60 * {per_second('joins', JOINED)}", "joined", step="15s"),
            width=12,
            unit="cpm",
            overrides=coloured(JOIN_OUTCOMES),
        ),
        lines(
            "How far is the worst minute above the mean?",
            "For each backend and step of at least ten minutes: the 3712 rate, and that of its worst single "
            "minute with three or more joins (dashed). Where both are high, refusals are steady. Where the "
            "worst minute is far above a low mean, they come in bursts, which means hide. Needs samples "
            "every 20 s or more often; works for long time ranges too. Normal: both at 0.",
            Query(share(refused("backend", RATE), known("backend", RATE)), "{{backend}}", step="10m"),
            Query(f"max_over_time((\n  {minute}\n)[{RATE}:15s])", "{{backend}}, worst minute", step="10m"),
            width=12,
            unit="percentunit",
            ceiling=1,
            overrides=(
                Override(
                    "byRegexp",
                    "/, worst minute$/",
                    {"custom.lineStyle": {"fill": "dash", "dash": [8, 6]}, "custom.lineWidth": 1},
                ),
            ),
            empty="Nobody joined",
        ),
    )


DASHBOARD: Final = Dashboard(
    uid="joinwatch-join-failures",
    file="join-failures.json",
    title="joinwatch: Join failures",
    question="Are people refused with 3712 Signature is invalid: how many, at which backend, since when, and why?",
    version=1,
    variables=(WINDOW,),
    sections=(
        Section("", (row(9, *_answer()), row(4, _counts()))),
        Section("Since when?", (row(9, *_over_time()), row(8, _each_backend()))),
        Section("In bursts, or all the time?", (row(9, *_bursts()),)),
        Section("Does the token's age decide?", join_details.ages()),
        Section("Which error, which page, which SDK?", join_details.splits()),
    ),
)
