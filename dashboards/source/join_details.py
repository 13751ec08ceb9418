"""The lower half of *Join failures*: tokens by age, error codes, pages, SDKs, and what people had of it."""

from __future__ import annotations

from typing import Final

from proxy.domain import zoom_codes

from .dashboard import Row, row
from .joins import ONE_JOIN, RATE_IS, REFUSED, rate_columns, refused
from .looks import BLUE, GREEN, GREY, RATE_3712, SKY, VERMILION, coloured, fixed
from .model import Panel, Query, by_name
from .panels import bars, heatmap, lines, ranking, table
from .queries import RATE, count, heat, quantile
from .shared import bucket_counts, bucket_shares

_LEAD: Final = "join_token_lead_seconds"
_AGE: Final = "join_token_age_seconds"


def ages() -> tuple[Row, ...]:
    """The 3712 rate along the token's age as one axis of two panels, how many joins that is from, and over time."""
    curves = _curves()
    return (
        row(9, *curves[:2]),
        row(6, *curves[2:]),
        row(
            8,
            _heat(
                _LEAD,
                "invalid_signature",
                "Refused joins by lead",
                "How far iat was ahead when Zoom refused it.",
                "empty",
            ),
            _heat(
                _AGE,
                "invalid_signature",
                "Refused joins by age",
                "How old the token was when Zoom refused it.",
                "empty",
            ),
        ),
        row(
            8,
            _heat(
                _LEAD,
                "joined",
                "Good joins by lead",
                "How far iat was ahead when Zoom took it: its tolerance.",
                "empty",
            ),
            _heat(
                _AGE,
                "joined",
                "Good joins by age",
                "How old the token was when Zoom took it.",
                "most within two minutes",
            ),
        ),
    )


def splits() -> tuple[Row, ...]:
    """Failures by code, page, SDK and view, and the people behind the joins."""
    return (
        row(9, *_codes()),
        row(
            8,
            _split(
                "Is it one of the pages?",
                "One page far above the others: what it does to the signature, or its origin. "
                "`other`: an origin that results.origins does not list.",
                "joins_by_origin",
                "origin",
                "Origin",
            ),
            _split(
                "Is it one SDK version?",
                "One major version far above the others: what it asks of the signature (from 5 on, appKey).",
                "joins_by_client",
                "sdk",
                "SDK",
            ),
            _split(
                "Is it one view?",
                "client: the full-page view; component: the embedded one.",
                "joins_by_client",
                "view",
                "View",
            ),
        ),
        row(8, *_people()),
    )


def _curves() -> tuple[Panel, ...]:
    reading = (
        "Of the joins whose token was then this far from its iat, the share that was refused. Over the "
        "dashboard's range. A dash: nobody joined with such a token. "
    )
    return (
        bucket_shares(
            "Refused while iat is still ahead? 3712 rate by lead at the join",
            f"{reading}Read it with the panel at its right as one axis: tokens get older from left to right. "
            "High here and low there: iat is too far ahead, a clock or a rounding. Normal: nobody joins with "
            "iat ahead.",
            _LEAD,
            width=12,
            steps=RATE_3712,
            part=REFUSED,
            far_first=True,
        ),
        bucket_shares(
            "Or at an age? 3712 rate by age of the token at the join",
            f"{reading}The same height everywhere: age has nothing to do with it (secret, key, format). High "
            "at the right only: signatures are kept too long. Normal: 0 everywhere.",
            _AGE,
            width=12,
            steps=RATE_3712,
            part=REFUSED,
        ),
        bucket_counts(
            "From how many joins: by lead",
            "Joins, joined or refused, whose token's iat was still ahead, by how far. A bar above that comes "
            "from few joins proves little. Normal: no bars.",
            _LEAD,
            width=12,
            colour=fixed(SKY),
            far_first=True,
        ),
        bucket_counts(
            "From how many joins: by age",
            "Joins, joined or refused, by the age of their token. Normal: most within a minute.",
            _AGE,
            width=12,
            colour=fixed(SKY),
        ),
    )


def _heat(name: str, outcome: str, title: str, reading: str, normal: str) -> Panel:
    scheme = "Greens" if outcome == "joined" else "Oranges"
    query = Query(heat(name, f'outcome="{outcome}"'), "{{le}}", shape="heatmap", step="1m", exemplars=True)
    return heatmap(
        title,
        f"{reading} The darker, the more joins. {ONE_JOIN} Normal: {normal}.",
        query,
        width=12,
        scheme=scheme,
    )


def _codes() -> tuple[Panel, ...]:
    names = tuple(
        by_name(code, displayName=f"{code} {zoom_codes.KNOWN[code].name}")
        for code in sorted(zoom_codes.LABELS - {zoom_codes.LOCAL, zoom_codes.OTHER, "3712"})
    )
    refused_name = by_name("3712", displayName="3712 invalid_signature", color=fixed(VERMILION))
    return (
        ranking(
            "With which code do joins fail?",
            "Failed joins of the dashboard's time range by the SDK's code. 3712 is an invalid signature; "
            "3704 a wrong key, 3705 an expired one, 3706 to 3711 name what else Zoom did not accept. Codes 1 "
            "and 200 also stand for a lost connection. Normal: a few of many kinds, hardly any 37xx.",
            Query(f"sort_desc({count('join_failures', by='code')} >= 0.5)", "{{code}}", instant=True),
            width=8,
            colour=fixed(VERMILION),
            overrides=(*names, refused_name),
            empty="No join failed",
        ),
        bars(
            "When did which code appear?",
            "Failed joins by code in each step. A code that starts at one moment was deployed then: look at "
            "the marks of deploys. Normal: a few, of many kinds.",
            Query(f"{count('join_failures', by='code', over=RATE)} > 0", "{{code}}", step="$window"),
            width=16,
            overrides=(*names, refused_name),
            empty="No join failed",
        ),
    )


def _split(title: str, reading: str, metric: str, label: str, heading: str) -> Panel:
    return table(
        title,
        f"{RATE_IS}Over the dashboard's time range, all backends. {reading} Normal: no one far above the others.",
        [(label, heading)],
        *rate_columns(metric, label),
        width=8,
        sort="At least",
        empty="Nobody joined in this time",
    )


def _people() -> tuple[Panel, ...]:
    signatures = count("signatures_refused", over=RATE)
    return (
        bars(
            "How many people, and how many of their retries?",
            "Refused signatures, each counted once, and refused joins beyond these: the same signature tried "
            "again. One visitor who tries ten times is one of the lower and nine of the upper part. Normal: "
            "none.",
            Query(signatures, "refused signatures", step="$window"),
            Query(f"clamp_min({refused(over=RATE)} - {signatures}, 0)", "refused again", step="$window"),
            width=12,
            overrides=coloured({"refused signatures": VERMILION, "refused again": GREY}),
        ),
        lines(
            "How long do people wait for a join?",
            "From the page's request to Zoom to the result, as browsers measured it: half of the joins take "
            "less than the median, one in twenty longer than the 95th percentile. Normal: a few seconds. "
            f"{ONE_JOIN}",
            Query(quantile(0.5, "join_duration_seconds"), "median", step="$window", exemplars=True),
            Query(quantile(0.95, "join_duration_seconds"), "95th percentile", step="$window"),
            width=12,
            unit="s",
            overrides=coloured({"median": GREEN, "95th percentile": BLUE}),
            empty="Nobody joined",
        ),
    )
