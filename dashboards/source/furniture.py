"""What all dashboards share: their variables, annotations and links."""

from __future__ import annotations

from typing import Final

from .looks import BLUE, PURPLE, VERMILION
from .model import DATASOURCE, Json, JsonValue, Link
from .queries import largest, select

STATUS_PAGE: Final = Link("Evidence and advice on joinwatch's status page", "${status_page}/", new_tab=True)

_JOB, _INSTANCE = 'job=~"$job"', 'instance=~"$instance"'


def _link(kind: str, title: str, **properties: JsonValue) -> Json:
    plain: Json = {
        "type": kind,
        "title": title,
        "url": "",
        "icon": "external link",
        "tooltip": "",
        "tags": [],
        "asDropdown": False,
        "includeVars": False,
        "keepTime": False,
        "targetBlank": True,
    }
    return plain | properties


LINKS: Final = (
    _link("dashboards", "joinwatch", tags=["joinwatch"], includeVars=True, keepTime=True, targetBlank=False),
    _link(
        "link",
        "Status page",
        url=STATUS_PAGE.url,
        icon="dashboard",
        tooltip="Single joins, with evidence and advice for each cause",
    ),
    _link(
        "link",
        "Runbook",
        url="/d/joinwatch-runbook",
        icon="doc",
        tooltip="What to do about each alert",
        targetBlank=False,
    ),
)


def _variable(kind: str, name: str, label: str, query: str, **properties: JsonValue) -> Json:
    plain: Json = {
        "name": name,
        "label": label,
        "type": kind,
        "query": query,
        "current": {},
        "options": [],
        "hide": 0,
        "multi": False,
        "includeAll": False,
        "skipUrlSync": False,
    }
    return plain | properties


def label_variable(name: str, label: str, metric: str, *matchers: str, hidden: bool = False) -> Json:
    """The values that a label has in the dashboard's time range; all are chosen until somebody chooses."""
    selected = f"{metric}{{{', '.join(matchers)}}}" if matchers else metric
    query = f"label_values({selected}, {name})"
    return _variable(
        "query",
        name,
        label,
        query,
        datasource=DATASOURCE,
        refresh=2,
        sort=1,
        regex="",
        multi=True,
        includeAll=True,
        allValue=".+",
        current={"text": ["All"], "value": ["$__all"]},
        hide=2 if hidden else 0,
    )


def _choice(name: str, label: str, values: tuple[str, ...], chosen: str) -> Json:
    options: list[Json] = [{"text": each, "value": each, "selected": each == chosen} for each in values]
    current: Json = {"text": chosen, "value": chosen}
    return _variable("custom", name, label, ",".join(values), current=current, options=options)


def _text(name: str, label: str, value: str) -> Json:
    chosen: Json = {"text": value, "value": value}
    return _variable("textbox", name, label, value, current=chosen, options=[chosen | {"selected": True}])


def replicas(name: str, label: str, metric: str) -> Json:
    """A hidden variable of a label that the chosen replicas have."""
    return label_variable(name, label, metric, _JOB, _INSTANCE, hidden=True)


VARIABLES: Final = (
    _variable("datasource", "datasource", "Data source", "prometheus", refresh=1, regex=""),
    label_variable("job", "Job", "joinwatch_build_info"),
    label_variable("instance", "Instance", "joinwatch_build_info", _JOB),
    label_variable("backend", "Backend", "joinwatch_joins_total", _JOB, _INSTANCE),
    _text("status_page", "Status page", "http://localhost:4001"),
)

WINDOW: Final = _choice("window", "Share over at least", ("1m", "5m", "15m", "1h", "6h", "1d"), "5m")
"""The shortest step of panels that show shares: where few people join, a longer one."""


def _annotation(
    name: str, colour: str, expr: str, *, title: str, text: str, tags: str, value_is_time: bool = False
) -> Json:
    """A mark on every panel; consecutive points become a region. The query stands twice, for old and new Grafanas."""
    written: Json = {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": colour,
        "expr": expr,
        "step": "60s",
        "titleFormat": title,
        "textFormat": text,
        "tagKeys": tags,
        "target": {"refId": "Anno", "expr": expr, "interval": "60s", "range": True, "instant": False},
    }
    return written | ({"useValueForTime": "on"} if value_is_time else {})


_VERSION: Final = f"on (job, instance) group_left (version) {select('build_info')}"

ANNOTATIONS: Final = (
    _annotation(
        "Causes",
        VERMILION,
        f"{largest('cause_suspected', by='backend, cause')} == 1",
        title="{{cause}}",
        text="suspected of {{backend}}: raised at the left edge, cleared at the right one",
        tags="backend,cause",
    ),
    _annotation(
        "Deploys",
        BLUE,
        "1000 * max by (job, instance, version) "
        f"({select('config_last_reload_timestamp_seconds')} * {_VERSION})",
        title="joinwatch {{version}}",
        text="{{instance}} started, and loaded its configuration",
        tags="instance,version",
        value_is_time=True,
    ),
    _annotation(
        "Clock steps",
        PURPLE,
        f"sum by (job, instance) (increase({select('clock_steps')}[2m])) > 0",
        title="The clock was set",
        text="The wall clock of {{instance}} stepped",
        tags="instance",
    ),
)
