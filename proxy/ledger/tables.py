"""The shape of the ledger: its tables, and how a record becomes a row and a row a record again."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from typing import Final

import msgspec
from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Double,
    Index,
    Insert,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    RowMapping,
    Table,
    Text,
)
from sqlalchemy.dialects import postgresql, sqlite

from ..domain.diagnosis.base import Cause, Suspicion
from ..domain.join_result import JoinResult
from ..domain.ports import JoinRecord, RaisedCause
from ..domain.receipt import Issuance

Value = str | int | float | None
"""What a column can hold."""

Row = dict[str, Value]

END_OF_TIME: Final = 1e11
"""Seconds since 1970: in the year 5138, which a calendar can still tell."""

metadata = MetaData()

_Id = Text().with_variant(Text(collation="C"), "postgresql")
"""Compared byte by byte: PostgreSQL's other orders may change with its host's system, and spoil a unique index."""

joins = Table(
    "joins",
    metadata,
    # What was known when the signature left.
    Column("receipt_id", _Id, nullable=False),
    Column("sent_at", Double, nullable=False),
    Column("route", Text, nullable=False),
    Column("asked", Text, nullable=False),
    Column("signer", Text, nullable=False),
    Column("replica", Text),
    Column("format", Text, nullable=False),
    Column("iat", Double),
    Column("exp", Double),
    Column("iat_offset_s", Double),
    Column("iat_offset_bound_s", Double),
    Column("clock_offset_s", Double),
    Column("clock_bound_s", Double),
    Column("backend_clock_offset_s", Double),
    Column("backend_clock_bound_s", Double),
    Column("findings", Text, nullable=False),
    # What the browser reported.
    Column("result_id", _Id, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("code", Text),
    Column("error", Text, nullable=False),
    Column("age_ms", Double),
    Column("age_asked", Text, nullable=False),
    Column("age_clock", Text, nullable=False),
    Column("join_ms", Double),
    Column("step", Integer),
    Column("suspended", Boolean, nullable=False),
    Column("signature_intact", Boolean),
    Column("meeting_matches", Boolean),
    Column("view", Text, nullable=False),
    Column("sdk_version", Text),
    Column("dropped", Integer, nullable=False),
    # What joinwatch made of the two.
    Column("received_at", Double, nullable=False),
    Column("joined_at", Double),
    Column("token_age_s", Double),
    Column("origin", Text),
    Column("late", Boolean, nullable=False),
    Column("evidence", Boolean, nullable=False),
    Column("role", Integer),
    PrimaryKeyConstraint("receipt_id", "result_id", name="joins_pk"),
    Index("joins_received_at", "received_at"),
    Index("joins_signer_received_at", "signer", "received_at"),
)
"""One row per join. `findings` (a list) and `error` (an object) are JSON; `age_asked` is JoinResult.asked."""

causes = Table(
    "causes",
    metadata,
    Column("backend", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("raised_at", Double, nullable=False),
    Column("cleared_at", Double),
    Column("confidence", Double, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("advice", Text, nullable=False),
    Column("replicas", Text, nullable=False),
    Column("predicted_share", Double),
    Column("observed_share", Double),
    Column("heals_s", Double),
    PrimaryKeyConstraint("backend", "cause", "raised_at", name="causes_pk"),
    Index("causes_cleared_at", "cleared_at"),
)
"""One row per raising of a cause, `cleared_at` NULL while it is suspected. `replicas` is JSON (a list)."""


_Inserting = Callable[[Table], sqlite.Insert | postgresql.Insert]


def upsert(insert: _Inserting) -> Insert:
    """Insert a join's row, or replace the provisional one of the same key; leave any other as it is."""
    return _upsert(insert, joins, joins.c.outcome == "no_result")


def upsert_cause(insert: _Inserting) -> Insert:
    """Insert the row of a raising, or bring it up to date."""
    return _upsert(insert, causes, None)


def to_row(record: JoinRecord) -> Row:
    """The row that holds this record."""
    issuance, result = record.issuance, record.result
    return _without_nan(
        {
            "receipt_id": issuance.receipt_id,
            "sent_at": issuance.sent_at,
            "route": issuance.route,
            "asked": issuance.asked,
            "signer": issuance.signer,
            "replica": issuance.replica,
            "format": issuance.format,
            "iat": issuance.iat,
            "exp": issuance.exp,
            "iat_offset_s": issuance.iat_offset_s,
            "iat_offset_bound_s": issuance.iat_offset_bound_s,
            "clock_offset_s": issuance.clock_offset_s,
            "clock_bound_s": issuance.clock_bound_s,
            "backend_clock_offset_s": issuance.backend_clock_offset_s,
            "backend_clock_bound_s": issuance.backend_clock_bound_s,
            "findings": json.dumps(issuance.findings),
            "result_id": result.result_id,
            "attempt": result.attempt,
            "outcome": result.outcome.value,
            "code": result.code,
            "error": json.dumps(result.error),
            "age_ms": result.age_ms,
            "age_asked": result.asked,
            "age_clock": result.age_clock,
            "join_ms": result.join_ms,
            "step": result.step,
            "suspended": result.suspended,
            "signature_intact": result.signature_intact,
            "meeting_matches": result.meeting_matches,
            "view": result.view.value,
            "sdk_version": result.sdk_version,
            "dropped": result.dropped,
            "received_at": record.received_at,
            "joined_at": record.joined_at,
            "token_age_s": record.token_age_s,
            "origin": record.origin,
            "late": record.late,
            "evidence": record.evidence,
            "role": issuance.role,
        }
    )


def from_row(row: RowMapping) -> JoinRecord:
    """The record that a row holds.

    Raises ValueError for what no record can hold: another release wrote it, or somebody's hand; SQLite keeps text in
    a column of numbers, and both keep infinity in one.
    """
    if any(isinstance(value, float) and not math.isfinite(value) for value in row.values()):
        raise ValueError("not a number")
    issuance = [row[name] if name != "findings" else json.loads(row[name]) for name in _ISSUANCE]
    result = {name: row[name] for name in _RESULT}
    result |= {"error": json.loads(row["error"]), "asked": row["age_asked"]}
    record = {name: row[name] for name in _RECORD}
    return msgspec.convert({**record, "issuance": [_VERSION, *issuance], "result": result}, JoinRecord)


def _columns(of: type, *others: str) -> tuple[str, ...]:
    """The fields of a class that have a column of their own name."""
    return tuple(field.name for field in dataclasses.fields(of) if field.name not in others)


_VERSION: Final = Issuance.__struct_config__.tag
_ISSUANCE: Final = Issuance.__struct_fields__
_RESULT: Final = _columns(JoinResult, "error", "asked")
_RECORD: Final = _columns(JoinRecord, "issuance", "result")


def to_cause_row(raised: RaisedCause) -> Row:
    """The row that holds this raising."""
    suspicion = raised.suspicion
    return _without_nan(
        {
            "backend": raised.backend,
            "cause": suspicion.cause.value,
            "raised_at": raised.raised_at,
            "cleared_at": raised.cleared_at,
            "confidence": suspicion.confidence,
            "evidence": suspicion.evidence,
            "advice": suspicion.advice,
            "replicas": json.dumps(suspicion.replicas),
            "predicted_share": suspicion.predicted_share,
            "observed_share": suspicion.observed_share,
            "heals_s": suspicion.heals_s,
        }
    )


def from_cause_row(row: RowMapping) -> RaisedCause:
    """The raising that a row holds.

    Raises ValueError or TypeError for a cause that this release does not know, and for what cannot be told of any:
    SQLite keeps text in a column of numbers.
    """
    replicas = json.loads(_text(row["replicas"]))
    if not isinstance(replicas, list):
        raise TypeError("replicas is not a list")
    return RaisedCause(
        backend=_text(row["backend"]),
        suspicion=Suspicion(
            cause=Cause(row["cause"]),
            confidence=_number(row["confidence"], 1.0),
            evidence=_text(row["evidence"]),
            advice=_text(row["advice"]),
            replicas=tuple(map(_text, replicas)),
            predicted_share=_number_or_none(row["predicted_share"], 1.0),
            observed_share=_number_or_none(row["observed_share"], 1.0),
            heals_s=_number_or_none(row["heals_s"], END_OF_TIME),
        ),
        raised_at=_number(row["raised_at"], END_OF_TIME),
        cleared_at=_number_or_none(row["cleared_at"], END_OF_TIME),
    )


def _without_nan(row: Row) -> Row:
    """What is no number is not known. SQLite takes it so by itself; PostgreSQL would keep it."""
    return {name: None if value != value else value for name, value in row.items()}  # noqa: PLR0124


def _upsert(insert: _Inserting, table: Table, where: ColumnElement[bool] | None) -> Insert:
    statement = insert(table)
    others = [column.name for column in table.columns if not column.primary_key]
    return statement.on_conflict_do_update(
        index_elements=table.primary_key,
        set_={name: statement.excluded[name] for name in others},
        where=where,
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _number(value: object, most: float) -> float:
    """From 0 to `most`."""
    if not isinstance(value, int | float):
        raise TypeError("not a number")
    if not 0.0 <= value <= most:
        raise ValueError("out of range")
    return value


def _number_or_none(value: object, most: float) -> float | None:
    return None if value is None else _number(value, most)
