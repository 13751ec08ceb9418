"""HTTP content codings undone under a limit: gzip, deflate, br, zstd, alone or stacked (RFC 9110 section 8.4)."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Generator, Iterator

import brotli  # type: ignore[import-untyped]  # ships no types

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BUFFER = 65536
"""Bytes that a decompressor may give out beyond the limit before it is stopped."""
MAX_CODINGS = 3
_STEP = 4096
_MAX_MEMBERS = 1024
# RFC 9659: a zstd content coding needs no window over 8 MiB; a larger one is memory that a stranger asks for.
_ZSTD_OPTIONS: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 23}


class NotDecodable(Exception):
    """The body is not what its Content-Encoding says, or that is not known; `reason` never quotes the body."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TooLarge(Exception):
    """The decoded body is larger than the limit."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the decoded body is larger than {limit} bytes")
        self.limit = limit


def decode(body: bytes, content_encoding: str | None, limit: int) -> bytes:
    """The body without its codings, at most `limit` bytes.

    Raises NotDecodable for a coding that is not known, more than three, and corrupt or truncated data; TooLarge
    as soon as more than `limit` bytes come out. An empty body is empty in every coding.
    """
    codings = [name.strip().lower() for name in (content_encoding or "").split(",")]
    codings = [name for name in codings if name not in ("", "identity")]
    if len(codings) > MAX_CODINGS:
        raise NotDecodable(f"the body has {len(codings)} content codings; {MAX_CODINGS} are decoded at most")
    for position in range(len(codings) - 1, -1, -1):
        if body:
            # What an outer coding gives out is still coded: it may be a little larger than the plain body.
            body = _undo(codings[position], body, limit if position == 0 else limit + BUFFER)
    if len(body) > limit:
        raise TooLarge(limit)
    return body


def _undo(coding: str, body: bytes, limit: int) -> bytes:
    match coding:
        case "gzip" | "x-gzip":
            return _collect(_gzip(body), limit)
        case "deflate":
            return _deflate(body, limit)
        case "br":
            return _collect(_brotli(body), limit)
        case "zstd":
            return _collect(_zstd(body), limit)
        case _:
            raise NotDecodable("the content coding is not one of identity, gzip, deflate, br, zstd")


def _collect(pieces: Iterator[bytes], limit: int) -> bytes:
    kept: list[bytes] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise TooLarge(limit)
        kept.append(piece)
    return b"".join(kept)


def _gzip(body: bytes) -> Iterator[bytes]:
    """One or several members (RFC 1952 section 2.2), and the zero padding that some writers add."""
    at = 0
    for _ in range(_MAX_MEMBERS):
        at = yield from _inflate(body, at, zlib.MAX_WBITS | 16, "gzip")
        while at < len(body) and body[at] == 0:
            at += 1
        if at == len(body):
            return
    raise NotDecodable(f"the gzip data has more than {_MAX_MEMBERS} members")


def _deflate(body: bytes, limit: int) -> bytes:
    """RFC 9110 section 8.4.1.2 means the zlib format, and notes that some send raw deflate under that name."""
    looks_like_zlib = body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    if not looks_like_zlib:
        return _collect(_one_stream(body, -zlib.MAX_WBITS), limit)
    try:
        return _collect(_one_stream(body, zlib.MAX_WBITS), limit)
    except NotDecodable as as_zlib:
        try:
            return _collect(_one_stream(body, -zlib.MAX_WBITS), limit)
        except NotDecodable:
            raise as_zlib from None


def _one_stream(body: bytes, wbits: int) -> Iterator[bytes]:
    end = yield from _inflate(body, 0, wbits, "deflate")
    if end != len(body):
        raise NotDecodable("something follows the end of the deflate data")


def _inflate(body: bytes, at: int, wbits: int, name: str) -> Generator[bytes, None, int]:
    """Yield what one zlib stream that starts at `at` holds; return where it ends."""
    inflater = zlib.decompressobj(wbits)
    try:
        while not inflater.eof:
            given = inflater.unconsumed_tail
            if not given:
                # Small steps: what follows a member is copied out with every member.
                given = body[at : at + _STEP]
                at += len(given)
            piece = inflater.decompress(given, BUFFER)
            if piece:
                yield piece
            elif not given:
                raise NotDecodable(f"the {name} data is truncated")
    except zlib.error:
        raise NotDecodable(f"the {name} data is corrupt") from None
    return at - len(inflater.unused_data)


def _brotli(body: bytes) -> Iterator[bytes]:
    decompressor = brotli.Decompressor()
    given = body
    try:
        while not decompressor.is_finished():
            piece: bytes = decompressor.process(
                given, output_buffer_limit=BUFFER // 2
            )  # it may double its buffer
            if piece:
                yield piece
            elif not given:
                raise NotDecodable("the br data is truncated")
            given = b""
    except brotli.error:
        raise NotDecodable("the br data is corrupt") from None


def _zstd(body: bytes) -> Iterator[bytes]:
    """One or several frames (RFC 8878 section 3)."""
    at = 0
    try:
        for _ in range(_MAX_MEMBERS):
            decompressor = zstd.ZstdDecompressor(options=_ZSTD_OPTIONS)
            while not decompressor.eof:
                given = b""
                if decompressor.needs_input:
                    given = body[at : at + _STEP]
                    at += len(given)
                    if not given:
                        raise NotDecodable("the zstd data is truncated")
                piece = decompressor.decompress(given, BUFFER)
                if piece:
                    yield piece
            at -= len(decompressor.unused_data)
            if at == len(body):
                return
    except zstd.ZstdError:
        raise NotDecodable("the zstd data is corrupt, or needs a window over 8 MiB") from None
    raise NotDecodable(f"the zstd data has more than {_MAX_MEMBERS} frames")
