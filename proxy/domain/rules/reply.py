"""Rules about the reply that the signature came in."""

from __future__ import annotations

from ..signature import Signature
from .base import DATED, Circumstances, Hit, Rules, Severity

RULES = Rules()


@RULES.add(
    "reply/cached",
    Severity.INFO,
    "The reply comes from a cache, or lets shared caches keep it; sign anew for each join.",
    source="RFC 9111 sections 5.1, 5.2.2.9 and 5.2.2.10",
    formats=DATED,
)
def _cached(_signature: Signature, at: Circumstances) -> Hit:
    for name, value in at.headers:
        if len(name) == 3 and name.lower() == "age":
            age = value.strip()
            if age.isdecimal() and len(age) < 10 and int(age) > 0:
                return f"Its header Age says that it is {int(age)} s old."
        elif len(name) == 13 and name.lower() == "cache-control":
            allowed = _shared(value)
            if allowed:
                return f"Its header Cache-Control has {allowed}."
    return None


def _shared(value: str) -> str | None:
    """The directive by which a shared cache may keep the reply; None where it may not."""
    directives = {each.strip().lower() for each in value.split(",")}
    if directives & {"private", "no-store", "no-cache"}:
        return None
    for each in sorted(directives):
        seconds = each.removeprefix("s-maxage=").strip('"')
        if each == "public" or (seconds != each and seconds.isdecimal() and int(seconds[:9]) > 0):
            return each[:40]
    return None
