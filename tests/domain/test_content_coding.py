"""Content codings are undone exactly, within their limit, or refused by name."""

from __future__ import annotations

import gzip
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress

import brotli  # type: ignore[import-untyped]  # ships no types
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.domain.content_coding import BUFFER, NotDecodable, TooLarge, decode

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = b'{"signature":"aaaa.bbbb.cccc","sdkKey":"test_sdk_key_not_real_0"}'
LIMIT = 262144
MIB = 2**20


def raw_deflate(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(data) + deflater.flush()


def brotlied(data: bytes) -> bytes:
    coded: bytes = brotli.compress(data, quality=5)
    return coded


CODERS: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotlied,
    "zstd": zstd.compress,
}
COMPRESSING = [name for name in CODERS if name != "identity"]


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        pytest.param(TEXT, None, id="no header"),
        pytest.param(TEXT, "", id="empty header"),
        pytest.param(TEXT, "identity", id="identity"),
        pytest.param(gzip.compress(TEXT), "gzip", id="gzip"),
        pytest.param(gzip.compress(TEXT), " GZip ", id="any case, with spaces"),
        pytest.param(gzip.compress(TEXT), "x-gzip", id="x-gzip"),
        pytest.param(
            gzip.compress(TEXT[:9]) + gzip.compress(b"") + gzip.compress(TEXT[9:]), "gzip", id="members"
        ),
        pytest.param(gzip.compress(TEXT) + bytes(512), "gzip", id="gzip with zero padding"),
        pytest.param(zlib.compress(TEXT), "deflate", id="deflate as zlib"),
        pytest.param(raw_deflate(TEXT), "deflate", id="deflate raw"),
        pytest.param(brotlied(TEXT), "br", id="br"),
        pytest.param(zstd.compress(TEXT), "zstd", id="zstd"),
        pytest.param(zstd.compress(TEXT[:9]) + zstd.compress(TEXT[9:]), "zstd", id="zstd frames"),
        pytest.param(
            b"\x50\x2a\x4d\x18\x02\x00\x00\x00xx" + zstd.compress(TEXT), "zstd", id="zstd skippable frame"
        ),
        pytest.param(brotlied(gzip.compress(TEXT)), "gzip, br", id="stacked, undone last first"),
        pytest.param(gzip.compress(gzip.compress(zlib.compress(TEXT))), "deflate,gzip,gzip", id="three"),
        pytest.param(gzip.compress(TEXT), "identity, gzip, identity", id="identity does not count"),
    ],
)
def test_decodes(body: bytes, coding: str | None) -> None:
    assert decode(body, coding, LIMIT) == TEXT


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, br"])
def test_an_empty_body_is_empty_in_every_coding(coding: str) -> None:
    assert decode(b"", coding, LIMIT) == b""


@pytest.mark.parametrize(
    ("body", "coding", "reason"),
    [
        pytest.param(TEXT, "compress", "the content coding is not one of", id="unknown"),
        pytest.param(TEXT, "gzip;q=1", "the content coding is not one of", id="not a coding"),
        pytest.param(TEXT, "gzip, gzip, gzip, gzip", "4 content codings", id="four"),
        pytest.param(TEXT, "gzip", "the gzip data is corrupt", id="gzip that is plain"),
        pytest.param(
            gzip.compress(TEXT)[:-1], "gzip", "the gzip data is truncated", id="gzip without its last byte"
        ),
        pytest.param(gzip.compress(TEXT)[:9], "gzip", "the gzip data is truncated", id="half a gzip header"),
        pytest.param(
            gzip.compress(TEXT)[:-8] + bytes(8),
            "gzip",
            "the gzip data is corrupt",
            id="gzip with a wrong checksum",
        ),
        pytest.param(
            gzip.compress(TEXT) + b"junk", "gzip", "the gzip data is corrupt", id="gzip with junk behind"
        ),
        pytest.param(
            gzip.compress(b"") * 1025, "gzip", "more than 1024 members", id="gzip with too many members"
        ),
        pytest.param(TEXT, "deflate", "the deflate data is", id="deflate that is plain"),
        pytest.param(
            zlib.compress(TEXT)[:-5], "deflate", "the deflate data is truncated", id="deflate without its end"
        ),
        pytest.param(
            zlib.compress(TEXT) + b"x", "deflate", "something follows", id="deflate with junk behind"
        ),
        pytest.param(
            raw_deflate(TEXT) + b"x", "deflate", "something follows", id="raw deflate with junk behind"
        ),
        pytest.param(TEXT, "br", "the br data is", id="br that is plain"),
        pytest.param(brotlied(TEXT)[:-1], "br", "the br data is truncated", id="br without its last byte"),
        pytest.param(brotlied(TEXT) + b"x", "br", "the br data is corrupt", id="br with junk behind"),
        pytest.param(TEXT, "zstd", "the zstd data is corrupt", id="zstd that is plain"),
        pytest.param(
            zstd.compress(TEXT)[:-1], "zstd", "the zstd data is truncated", id="zstd without its last byte"
        ),
        pytest.param(
            zstd.compress(TEXT) + b"junk", "zstd", "the zstd data is corrupt", id="zstd with junk behind"
        ),
        pytest.param(
            zstd.compress(b"") * 1025, "zstd", "more than 1024 frames", id="zstd with too many frames"
        ),
        pytest.param(
            zstd.compress(bytes(64 * MIB), options={zstd.CompressionParameter.window_log: 27}),
            "zstd",
            "or needs a window over 8 MiB",
            id="zstd that asks for 128 MiB",
        ),
    ],
)
def test_refuses(body: bytes, coding: str, reason: str) -> None:
    with pytest.raises(NotDecodable) as caught:
        decode(body, coding, LIMIT)
    assert reason in caught.value.reason
    assert str(caught.value) == caught.value.reason


@pytest.mark.parametrize("coding", CODERS)
def test_the_limit_itself_passes_and_one_byte_more_does_not(coding: str) -> None:
    exact = CODERS[coding](bytes(LIMIT))
    assert decode(exact, coding, LIMIT) == bytes(LIMIT)
    with pytest.raises(TooLarge) as caught:
        decode(CODERS[coding](bytes(LIMIT + 1)), coding, LIMIT)
    assert caught.value.limit == LIMIT


@pytest.mark.parametrize("outer", [None, "gzip"], ids=["alone", "under gzip"])
@pytest.mark.parametrize("coding", COMPRESSING)
def test_a_bomb_is_stopped_at_the_limit(coding: str, outer: str | None) -> None:
    bomb = CODERS[coding](bytes(64 * MIB))
    codings = coding
    if outer is not None:
        bomb, codings = CODERS[outer](bomb), f"{coding}, {outer}"
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            decode(bomb, codings, LIMIT)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # What an outer coding gave out (at most limit + buffer) is the input of the inner one.
    inner_input = 0 if outer is None else min(len(CODERS[coding](bytes(64 * MIB))), LIMIT + BUFFER)
    assert peak < LIMIT + 3 * BUFFER + inner_input


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=2000), codings=st.lists(st.sampled_from(list(CODERS)), max_size=3))
def test_what_was_coded_is_decoded(data: bytes, codings: list[str]) -> None:
    body = data
    for name in codings:
        body = CODERS[name](body)
    assert decode(body, ", ".join(codings), len(data)) == data


@settings(max_examples=500, deadline=None)
@given(
    body=st.one_of(
        st.binary(max_size=300),
        st.builds(
            lambda name, data, at, bits: bytes(
                byte ^ (bits if place == at else 0) for place, byte in enumerate(CODERS[name](data))
            ),
            st.sampled_from(COMPRESSING),
            st.binary(max_size=200),
            st.integers(0, 60),
            st.integers(1, 255),
        ),
    ),
    coding=st.one_of(
        st.none(), st.text(max_size=20), st.sampled_from([*CODERS, "gzip, br", "zstd, deflate"])
    ),
    limit=st.integers(0, 1000),
)
def test_raises_nothing_but_its_own(body: bytes, coding: str | None, limit: int) -> None:
    with suppress(NotDecodable, TooLarge):
        assert len(decode(body, coding, limit)) <= limit
