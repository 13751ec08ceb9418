"""The story of one signature as a timeline: what happened when, and how far from its sending."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...domain.ports import JoinRecord
from ...domain.receipt import Issuance
from ...services.joins import Story
from .environment import OUTCOME_NAMES
from .scale import place
from .words import span


@dataclass(frozen=True, slots=True)
class Event:
    """One moment. `after_s`: seconds since the signature was sent; `kind` is the class of its mark."""

    kind: str
    title: str
    at: float
    after_s: float
    record: JoinRecord | None = None

    @property
    def when(self) -> str:
        """As people say it."""
        if not self.after_s:
            return "at 0"
        return f"{span(self.after_s)} {'later' if self.after_s > 0 else 'earlier'}"


def events(story: Story) -> list[Event]:
    """In the order of time."""
    return sorted(_events(story.issuance, story.joins), key=lambda event: event.at)


def _events(issuance: Issuance, joins: Sequence[JoinRecord]) -> Iterator[Event]:
    sent = issuance.sent_at

    def event(kind: str, title: str, at: float, record: JoinRecord | None = None) -> Event:
        return Event(kind, title, at, at - sent, record)

    yield event("sent", f"The signature left, signed by {issuance.signer}", sent)
    if issuance.iat is not None:
        yield event("claimed", "From here on it is valid, by its iat", issuance.iat)
    if issuance.exp is not None:
        yield event("claimed", "Here it expires, by its exp", issuance.exp)
    for number, record in enumerate(joins, 1):
        again = f" (attempt {number} of {len(joins)})" if len(joins) > 1 else ""
        if record.joined_at is not None:
            yield event("asked", f"A browser asked Zoom to join{again}", record.joined_at, record)
        outcome = record.result.outcome
        yield event(
            outcome.value, f"joinwatch learned: {OUTCOME_NAMES[outcome]}{again}", record.received_at, record
        )


@dataclass(frozen=True, slots=True)
class Mark:
    """An event on the line from 0 to 100."""

    kind: str
    x: float
    title: str


@dataclass(frozen=True, slots=True)
class Line:
    """The picture of the story. `valid`: where the token is, and for how long; None where its times are not known."""

    valid: tuple[float, float] | None
    marks: Sequence[Mark]


def line(story: Story) -> Line:
    """All events along the scale of leads: linear to two minutes around the sending, compressed beyond."""
    found = events(story)
    places = [place(event.after_s) for event in found]
    low, high = min(*places, -30.0), max(*places, 60.0)

    def x(after_s: float) -> float:
        return round(2.0 + 96.0 * (place(after_s) - low) / (high - low), 2)

    issuance = story.issuance
    valid = None
    if issuance.iat is not None and issuance.exp is not None and issuance.iat <= issuance.exp:
        begin, end = x(issuance.iat - issuance.sent_at), x(issuance.exp - issuance.sent_at)
        valid = (begin, round(end - begin, 2))
    return Line(
        valid, [Mark(event.kind, x(event.after_s), f"{event.title}, {event.when}") for event in found]
    )
