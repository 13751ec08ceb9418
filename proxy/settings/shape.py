"""The shape of the file: which sections and keys there are, their types, ranges and defaults; meaning comes later."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from .values import Level, Shown


class EnvText(str):
    """Text from an environment variable: the only text that may stand for a number, true/false or a list."""

    __slots__ = ()


def _whole(value: object) -> object:
    try:
        return int(value) if isinstance(value, EnvText) else value
    except ValueError:
        return value


def _number(value: object) -> object:
    try:
        return float(value) if isinstance(value, EnvText) else value
    except ValueError:
        return value


def _flag(value: object) -> object:
    return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, EnvText) else value


def _words(value: object) -> object:
    if isinstance(value, EnvText):
        return [word.strip() for word in value.split(",") if word.strip()]
    return value


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) and not isinstance(value, EnvText) else _words(value)


Whole = Annotated[int, BeforeValidator(_whole)]
Number = Annotated[float, BeforeValidator(_number)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Words = Annotated[list[str], BeforeValidator(_words)]
NameOrNames = Annotated[list[str], BeforeValidator(_one_or_more)]
Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]

NO_INLINE = "is a secret written into the configuration"
LATER = "is not in this version of joinwatch yet"
LATER_MEND = "remove it; an ignored rule would be worse than this refusal"


class Section(BaseModel):
    """A table of the file. `refused`: keys that people will try, with what to say of each."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)
    refused: ClassVar[dict[str, tuple[str, str]]] = {}


class ListenShape(Section):
    public: str = "127.0.0.1:4000"
    admin: str = "127.0.0.1:4001"
    admin_token_file: str | None = None
    admin_hosts: Words = []
    drain_delay_s: Number = Field(0.0, ge=0, le=300)

    refused = {"admin_token": (NO_INLINE, 'put it into a file and write admin_token_file = "PATH"')}


class ProxiesShape(Section):
    trusted: Words = []


class LimitsShape(Section):
    observe_max_bytes: Whole = Field(262144, ge=1024, le=1048576)
    request_max_bytes: Whole = Field(1048576, ge=1024, le=67108864)
    client_timeout_s: Number = Field(10.0, gt=0, le=300)


class CredentialsShape(Section):
    client_id: str | None = None
    client_id_env: str | None = None
    client_id_file: str | None = None
    client_secret_env: str | None = None
    client_secret_file: str | None = None
    sdk_key: str | None = None
    sdk_key_env: str | None = None
    sdk_key_file: str | None = None
    sdk_secret_env: str | None = None
    sdk_secret_file: str | None = None

    refused = {
        key: (
            NO_INLINE,
            f'write {key}_file = "PATH" or {key}_env = "VARIABLE" instead, and replace the secret',
        )
        for key in ("client_secret", "sdk_secret")
    }


class NativeShape(Section):
    kind: Literal["native"] = "native"
    credentials: str | None = None
    lifetime_s: Whole = Field(7200, ge=1801, le=172790)
    backdate_s: Whole = Field(120, ge=0, le=86400)
    allow_host_role: Flag = False


class HttpShape(Section):
    kind: Literal["http"] = "http"
    url: str | None = None
    timeout_s: Number = Field(10.0, gt=0, le=300)
    preserve_host: Flag = False
    replica_header: str | None = None
    headers: dict[str, str] = {}
    tls_ca: str | None = None
    credentials: NameOrNames = []


class RouteShape(Section):
    path: str | None = None
    methods: Words | None = None
    backends: dict[str, Weight] | None = None
    meeting_from: str | None = None
    role_from: str | None = None
    rate_limit: str | None = None

    refused = dict.fromkeys(
        ("shadow", "shadow_rate", "shadow_credentials", "rescue_with", "hold_max_s", "require"),
        (LATER, LATER_MEND),
    )


class ReceiptsShape(Section):
    keys_env: str | None = None
    keys_file: str | None = None
    max_age_s: Whole = Field(172800 + 7 * 86400, ge=3600, le=90 * 86400)

    refused = dict.fromkeys(
        ("keys", "key"),
        (NO_INLINE, 'write keys_file = "PATH" or keys_env = "VARIABLE" instead, with new keys'),
    )


class ResultsShape(Section):
    origins: Words = []
    rate_limit: str = "120/1m"
    max_attempts: Whole = Field(20, ge=1, le=1000)


class ClockShape(Section):
    ntp: Words = []
    http_date: Words = []
    interval_s: Number = Field(64.0, ge=8, le=86400)


class LedgerShape(Section):
    url: str | None = None
    url_env: str | None = None
    url_file: str | None = None
    retention_days: Whole = Field(30, ge=1, le=3650)


class PrivacyShape(Section):
    meeting_number: Shown = "masked"
    keys: Shown = "masked"


class LogShape(Section):
    level: Level = "info"
    access: Flag = False


SECTIONS: dict[str, type[Section]] = {
    "listen": ListenShape,
    "proxies": ProxiesShape,
    "limits": LimitsShape,
    "receipts": ReceiptsShape,
    "results": ResultsShape,
    "clock": ClockShape,
    "ledger": LedgerShape,
    "privacy": PrivacyShape,
    "log": LogShape,
}
"""The tables that are there once."""

NAMED: dict[str, tuple[type[Section], ...]] = {
    "credentials": (CredentialsShape,),
    "backends": (NativeShape, HttpShape),
}
"""The tables that have a name: [credentials.NAME], [backends.NAME]."""

TOP_LEVEL = (*SECTIONS, *NAMED, "routes")

DEFAULT_LEDGER = "var/joinwatch.db"
"""The file; not a default of the key `url` itself: `url_env` and `url_file` stand in for it."""
