"""joinwatch's own issuer: a drop-in for the official sample endpoint that signs Meeting SDK JWTs."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final

import msgspec
from jwt.algorithms import HMACAlgorithm

from ..domain.claims import Claims, JsonValue
from ..domain.credentials import Credentials
from ..domain.ports import Ask, Headers, Reply, Time, header
from ..domain.sample_request import SampleRefused, SampleRequest, parse
from ..domain.signature import Format, Signature

MIN_LIFETIME_S: Final = 1801
MAX_LIFETIME_S: Final = 172790
"""One second, and ten, inside Zoom's documented limits: whether those are inclusive is not known."""

_JSON: Final = ("Content-Type", "application/json; charset=utf-8")
_ANY_ORIGIN: Final = ("Access-Control-Allow-Origin", "*")
_NO_STORE: Final = ("Cache-Control", "no-store")
_REPLY_HEADERS: Final = (_JSON, _ANY_ORIGIN, _NO_STORE)
_REASONS: Final = {status.value: status.phrase for status in HTTPStatus}
_METHODS: Final = ("Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE")
_encode: Final = msgspec.json.Encoder().encode
_HS256: Final = HMACAlgorithm(HMACAlgorithm.SHA256)
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


def _base64url(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False).translate(_URL_SAFE, b"=")


_HEADER: Final = _base64url(b'{"alg":"HS256","typ":"JWT"}')


class NativeBackend:
    """Signs with one pair of credentials. A wrong clock is a finding elsewhere, never a reason not to sign."""

    def __init__(
        self,
        name: str,
        credentials: Credentials,
        *,
        lifetime_s: int,
        backdate_s: int,
        allow_host_role: bool,
        time: Time,
    ) -> None:
        self._name = name
        self._key = credentials.client_id
        self._secret = _HS256.prepare_key(credentials.client_secret.reveal())
        self._lifetime_s = lifetime_s
        self._backdate_s = backdate_s
        self._allow_host_role = allow_host_role
        self._time = time

    @property
    def name(self) -> str:
        """The configured name."""
        return self._name

    async def sign(self, ask: Ask) -> Reply:
        """Sign at once; a request that the sample would refuse is answered as the sample answers it."""
        began = self._time.mono()
        now = self._time.wall()
        status, headers, body, known = self._answer(ask, now)
        return Reply(
            status=status,
            reason=_REASONS[status],
            headers=(*headers, ("Date", _http_date(int(now)))),
            body=body,
            known=known,
            began_mono=began,
            headers_mono=self._time.mono(),
            headers_wall=now,
        )

    async def aclose(self) -> None:
        """Nothing is held."""

    def _answer(self, ask: Ask, now: float) -> tuple[int, Headers, bytes, Signature | None]:
        if ask.method == "OPTIONS":
            return 204, _preflight(ask.headers), b"", None
        if ask.method != "POST":
            return 405, (_JSON, _ANY_ORIGIN, ("Allow", "POST, OPTIONS")), _errors("$method", "Use POST"), None
        try:
            request = parse(
                ask.body, header(ask.headers, "content-type"), allow_host_role=self._allow_host_role
            )
        except SampleRefused as refused:
            body = _encode(
                {"errors": [{"property": each.property, "reason": each.reason} for each in refused.problems]}
            )
            return refused.status, _REPLY_HEADERS, body, None
        claims = self._claims(request, now)
        body = _encode({"signature": self._sign(claims.raw), "sdkKey": self._key})
        shape = Format.NATIVE if claims.meeting is None else Format.MEETING_SDK
        return 200, _REPLY_HEADERS, body, Signature(shape, claims, "HS256")

    def _claims(self, request: SampleRequest, now: float) -> Claims:
        """What Claims.of would make of the payload; here it need not be asked what is what."""
        iat = int(now) - self._backdate_s
        asked = self._lifetime_s if request.expiration_s is None else request.expiration_s
        exp = iat + min(max(asked + self._backdate_s, MIN_LIFETIME_S), MAX_LIFETIME_S)
        payload: dict[str, JsonValue] = {"appKey": self._key, "sdkKey": self._key}
        meeting, role = request.meeting, request.role
        if meeting is not None and role is not None:
            payload["mn"] = meeting
            payload["role"] = role
        payload["iat"] = iat
        payload["exp"] = payload["tokenExp"] = exp
        if request.video_webrtc_mode is not None:
            payload["video_webrtc_mode"] = request.video_webrtc_mode
        return Claims(
            raw=payload,
            key=self._key,
            meeting=None if meeting is None else str(meeting),
            role=None if role is None else float(role),
            iat=float(iat),
            exp=float(exp),
            token_exp=float(exp),
        )

    def _sign(self, payload: Mapping[str, JsonValue]) -> str:
        """What jwt.encode(payload, secret, algorithm="HS256") returns, its constant parts made at start.

        Half of the time of jwt.encode goes into preparing the key and writing the header anew for each token.
        """
        signed = b".".join((_HEADER, _base64url(_encode(payload))))
        return b".".join((signed, _base64url(_HS256.sign(signed, self._secret)))).decode("ascii")


@lru_cache(maxsize=2)
def _http_date(second: int) -> str:
    return formatdate(second, usegmt=True)


def _preflight(headers: Headers) -> Headers:
    asked = header(headers, "access-control-request-headers")
    allowed = (("Access-Control-Allow-Headers", asked),) if asked else ()
    return (_ANY_ORIGIN, _METHODS, ("Vary", "Access-Control-Request-Headers"), *allowed)


def _errors(name: str, reason: str) -> bytes:
    return _encode({"errors": [{"property": name, "reason": reason}]})
