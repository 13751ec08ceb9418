"""The lines of code that mend a cause, by language, each beside the line that makes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .base import Cause


class Language(StrEnum):
    """What a backend that signs may be written in, as people spell it."""

    JAVA = "Java"
    KOTLIN = "Kotlin"
    PYTHON = "Python"
    JAVASCRIPT = "JavaScript"
    PHP = "PHP"
    CSHARP = "C#"
    GO = "Go"
    RUBY = "Ruby"


@dataclass(frozen=True, slots=True)
class Fix:
    """A line that makes the cause, the one to write in its place, and what else has to change for it to compile."""

    wrong: str
    right: str
    also: str = ""


Lines = Mapping[Language, str]


def _all(
    *, java: str, kotlin: str, python: str, javascript: str, php: str, csharp: str, go: str, ruby: str
) -> Lines:
    return dict(zip(Language, (java, kotlin, python, javascript, php, csharp, go, ruby), strict=True))


def _fixes(wrong: Lines, right: Lines) -> Mapping[Language, Fix]:
    return {
        language: Fix(line, right[language], _ALSO.get(language, "") if right is _IAT else "")
        for language, line in wrong.items()
    }


_ALSO: Final = dict.fromkeys((Language.JAVA, Language.CSHARP), "make iat and exp long too")
"""An exp that stays an int does not take what is counted from a long; Math.round(float) is an int in Java."""


_IAT: Final = _all(
    java="long iat = System.currentTimeMillis() / 1000 - 60;",
    kotlin="val iat = System.currentTimeMillis() / 1000 - 60",
    python="iat = int(time.time()) - 60",
    javascript="const iat = Math.floor(Date.now() / 1000) - 60;",
    php="$iat = time() - 60;",
    csharp="long iat = DateTimeOffset.UtcNow.ToUnixTimeSeconds() - 60;",
    go="iat := time.Now().Unix() - 60",
    ruby="iat = Time.now.to_i - 60",
)
"""Whole seconds, rounded down, a minute back: an iat in the past does no harm (Zoom devforum 82045 went back 400 s)."""

_FLOAT32: Final = _all(
    java="long iat = Math.round(System.currentTimeMillis() / 1000);",
    kotlin="val iat = Math.round(System.currentTimeMillis() / 1000f)",
    python="iat = int(numpy.float32(time.time()))",
    javascript="const iat = Math.fround(Date.now() / 1000);",
    php="$iat = (int) unpack('g', pack('g', time()))[1];",
    csharp="long iat = (long) MathF.Round(DateTimeOffset.UtcNow.ToUnixTimeSeconds());",
    go="iat := int64(float32(time.Now().Unix()))",
    ruby="iat = [Time.now.to_i].pack('e').unpack1('e').to_i",
)

_ROUNDED_UP: Final = _all(
    java="long iat = Math.round(System.currentTimeMillis() / 1000.0);",
    kotlin="val iat = Math.round(System.currentTimeMillis() / 1000.0)",
    python="iat = round(time.time())",
    javascript="const iat = Math.round(Date.now() / 1000);",
    php="$iat = (int) round(microtime(true));",
    csharp="long iat = (long) Math.Round(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0);",
    go="iat := int64(math.Round(float64(time.Now().UnixMilli()) / 1000))",
    ruby="iat = Time.now.to_f.round",
)

_ZONED: Final = _all(
    java="long iat = LocalDateTime.now().toEpochSecond(ZoneOffset.UTC);",
    kotlin="val iat = LocalDateTime.now().toEpochSecond(ZoneOffset.UTC)",
    python="iat = int(datetime.utcnow().timestamp())",
    javascript="const iat = Math.floor(Date.now() / 1000) - new Date().getTimezoneOffset() * 60;",
    php="$iat = strtotime(gmdate('Y-m-d H:i:s'));",
    csharp="long iat = (long) (DateTime.Now - new DateTime(1970, 1, 1)).TotalSeconds;",
    go="t, _ := time.Parse(time.DateTime, time.Now().Format(time.DateTime)); iat := t.Unix()",
    ruby="iat = Time.parse(Time.now.utc.strftime('%F %T')).to_i",
)

_MILLISECONDS: Final = _all(
    java="long iat = System.currentTimeMillis();",
    kotlin="val iat = System.currentTimeMillis()",
    python="iat = int(time.time() * 1000)",
    javascript="const iat = Date.now();",
    php="$iat = (int) (microtime(true) * 1000);",
    csharp="long iat = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();",
    go="iat := time.Now().UnixMilli()",
    ruby="iat = (Time.now.to_f * 1000).to_i",
)

_FRACTION: Final = _all(
    java="double iat = System.currentTimeMillis() / 1000.0;",
    kotlin="val iat = System.currentTimeMillis() / 1000.0",
    python="iat = time.time()",
    javascript="const iat = Date.now() / 1000;",
    php="$iat = microtime(true);",
    csharp="double iat = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0;",
    go="iat := float64(time.Now().UnixMilli()) / 1000",
    ruby="iat = Time.now.to_f",
)


def _exp(hours: str) -> Lines:
    """Counted from iat in seconds; `hours` is the expression after the plus."""
    return _all(
        java=f"long exp = iat + {hours};",
        kotlin=f"val exp = iat + {hours}",
        python=f"exp = iat + {hours}",
        javascript=f"const exp = iat + {hours};",
        php=f"$exp = $iat + {hours};",
        csharp=f"long exp = iat + {hours};",
        go=f"exp := iat + {hours}",
        ruby=f"exp = iat + {hours}",
    )


_APP_KEY: Final = _all(
    java='claims.put("appKey", clientId);',
    kotlin='claims["appKey"] = clientId',
    python='claims["appKey"] = client_id',
    javascript="claims.appKey = clientId;",
    php="$claims['appKey'] = $clientId;",
    csharp='claims["appKey"] = clientId;',
    go='claims["appKey"] = clientID',
    ruby="claims['appKey'] = client_id",
)

_SECRET_RAW: Final = _all(
    java='String secret = System.getenv("ZOOM_MEETING_SDK_SECRET");',
    kotlin='val secret = System.getenv("ZOOM_MEETING_SDK_SECRET")',
    python='secret = os.environ["ZOOM_MEETING_SDK_SECRET"]',
    javascript="const secret = process.env.ZOOM_MEETING_SDK_SECRET;",
    php="$secret = getenv('ZOOM_MEETING_SDK_SECRET');",
    csharp='string secret = Environment.GetEnvironmentVariable("ZOOM_MEETING_SDK_SECRET");',
    go='secret := os.Getenv("ZOOM_MEETING_SDK_SECRET")',
    ruby="secret = ENV.fetch('ZOOM_MEETING_SDK_SECRET')",
)

_SECRET: Final = _all(
    java='String secret = System.getenv("ZOOM_MEETING_SDK_SECRET").strip();',
    kotlin='val secret = System.getenv("ZOOM_MEETING_SDK_SECRET").trim()',
    python='secret = os.environ["ZOOM_MEETING_SDK_SECRET"].strip()',
    javascript="const secret = process.env.ZOOM_MEETING_SDK_SECRET.trim();",
    php="$secret = trim(getenv('ZOOM_MEETING_SDK_SECRET'));",
    csharp='string secret = Environment.GetEnvironmentVariable("ZOOM_MEETING_SDK_SECRET").Trim();',
    go='secret := strings.TrimSpace(os.Getenv("ZOOM_MEETING_SDK_SECRET"))',
    ruby="secret = ENV.fetch('ZOOM_MEETING_SDK_SECRET').strip",
)

_HASH_ONLY: Final = _all(
    java="String signature = hash;",
    kotlin="val signature = hash",
    python="signature = digest",
    javascript="const signature = hash;",
    php="$signature = $hash;",
    csharp="string signature = hash;",
    go="signature := hash",
    ruby="signature = digest",
)

_WHOLE: Final = _all(
    java='String signature = header + "." + payload + "." + hash;',
    kotlin='val signature = "$header.$payload.$hash"',
    python='signature = f"{header}.{payload}.{digest}"',
    javascript="const signature = `${header}.${payload}.${hash}`;",
    php='$signature = "$header.$payload.$hash";',
    csharp='string signature = $"{header}.{payload}.{hash}";',
    go='signature := header + "." + payload + "." + hash',
    ruby='signature = "#{header}.#{payload}.#{digest}"',
)

_BASE64: Final = _all(
    java="String part = Base64.getEncoder().encodeToString(bytes);",
    kotlin="val part = Base64.getEncoder().encodeToString(bytes)",
    python="part = base64.b64encode(data).decode()",
    javascript="const part = bytes.toString('base64');",
    php="$part = base64_encode($bytes);",
    csharp="string part = Convert.ToBase64String(bytes);",
    go="part := base64.StdEncoding.EncodeToString(data)",
    ruby="part = Base64.encode64(data)",
)

_BASE64URL: Final = _all(
    java="String part = Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);",
    kotlin="val part = Base64.getUrlEncoder().withoutPadding().encodeToString(bytes)",
    python='part = base64.urlsafe_b64encode(data).rstrip(b"=").decode()',
    javascript="const part = bytes.toString('base64url');",
    php="$part = rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');",
    csharp="string part = Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');",
    go="part := base64.RawURLEncoding.EncodeToString(data)",
    ruby="part = Base64.urlsafe_encode64(data, padding: false)",
)

_FETCH: Final = {
    Language.JAVASCRIPT: Fix(
        "fetch(url, {method: 'POST', body: JSON.stringify(ask)})",
        "fetch(url, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(ask)})",
    )
}

_FIELD: Final = {
    Language.JAVA: Fix(
        "private StringBuilder signature = new StringBuilder();",
        "StringBuilder signature = new StringBuilder();",
    )
}
"""Java: the wrong one is a field of the servlet, the right one stands in the method that answers."""

LINES: Final[Mapping[Cause, Mapping[Language, Fix]]] = {
    Cause.FLOAT32_ROUNDING: _fixes(_FLOAT32, _IAT),
    Cause.TIMEZONE_SHIFT: _fixes(_ZONED, _IAT),
    Cause.MILLISECONDS: _fixes(_MILLISECONDS, _IAT),
    Cause.NO_MARGIN: _fixes(_ROUNDED_UP, _IAT),
    Cause.DAMAGED_SECRET: _fixes(_SECRET_RAW, _SECRET),
    Cause.APP_KEY_MISSING: _fixes(
        {language: line.replace("appKey", "sdkKey") for language, line in _APP_KEY.items()}, _APP_KEY
    ),
    Cause.REQUEST_NOT_PARSED: _FETCH,
    Cause.SHARED_STATE: _FIELD,
    Cause.LIFETIME_TOO_SHORT: _fixes(_exp("60 * 5"), _exp("7200")),
    Cause.LIFETIME_TOO_LONG: _fixes(_exp("60 * 60 * 2 * 1000"), _exp("7200")),
    Cause.MALFORMED_CLAIMS: _fixes(_FRACTION, _IAT),
    Cause.WRONG_FORMAT: _fixes(_HASH_ONLY, _WHOLE),
    Cause.ENCODING_DAMAGE: _fixes(_BASE64, _BASE64URL),
}
"""Only for the causes that a line of code mends."""
