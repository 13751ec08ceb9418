"""What comes out of a good configuration: whole values, from the file, from the mapping, from the environment."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.credentials import Credentials
from proxy.domain.rate_limit import RateLimit
from proxy.domain.request_facts import Source, SourceKind
from proxy.domain.secret import Secret
from proxy.settings import (
    Clock,
    HttpBackend,
    LedgerPlace,
    Limits,
    Listen,
    Log,
    NativeBackend,
    Privacy,
    Problem,
    Proxies,
    Receipts,
    Results,
    Route,
    Settings,
    SettingsError,
    from_mapping,
    load,
)
from proxy.settings.shape import NAMED, SECTIONS, TOP_LEVEL
from tests.support.secrets import DATABASE_PASSWORD

KEY = "test_sdk_key_not_real_0"
SECRET = "test-secret-not-real-0123456789abcd"
HERE = Path("/srv/joinwatch")
NEWER, OLDER = (urlsafe_b64encode(bytes([n]) * 32).decode() for n in (1, 2))
ZOOM = {"ZOOM_MEETING_SDK_KEY": KEY, "ZOOM_MEETING_SDK_SECRET": SECRET}
PAIR = Credentials("zoom", KEY, Secret(SECRET))
DEFAULT_ROUTE = Route(
    path="/",
    methods=("POST",),
    backends=(("native", 1.0),),
    meeting_from=Source(SourceKind.JSON, ("meetingNumber",)),
    role_from=Source(SourceKind.JSON, ("role",)),
    rate_limit=None,
)


def test_embedded_default_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(None, ZOOM) == Settings(
        listen=Listen(("127.0.0.1", 4000), ("127.0.0.1", 4001), None, (), 0.0),
        proxies=Proxies(()),
        limits=Limits(262144, 1048576, 10.0),
        credentials={},
        backends={"native": NativeBackend("native", PAIR, 7200, 120, False)},
        routes=(DEFAULT_ROUTE,),
        receipts=Receipts((), 777600),
        results=Results((), RateLimit(120, 60.0), 20),
        clock=Clock((), (), 64.0),
        ledger=LedgerPlace(tmp_path / "var" / "joinwatch.db", 30),
        privacy=Privacy("masked", "masked"),
        log=Log("info", False),
        throwaway=False,
        source="embedded default",
    )


def test_throwaway_credentials_are_asked_for_once_and_said() -> None:
    made: list[str] = []

    def make() -> str:
        made.append(f"{SECRET}{len(made)}")
        return made[-1]

    settings = from_mapping({}, {}, HERE, make_secret=make)
    native = settings.backends["native"]
    assert isinstance(native, NativeBackend)
    assert settings.throwaway
    assert native.credentials == Credentials("throwaway", "throwaway_sdk_key", Secret(made[0]))
    assert settings.secrets() == (Secret(made[0]),)
    assert len(made) == 1


def test_configured_credentials_are_never_replaced_by_throwaway_ones() -> None:
    settings = from_mapping({}, ZOOM, HERE, make_secret=lambda: pytest.fail("not needed"))
    assert not settings.throwaway


def test_the_only_configured_pair_is_the_native_issuers_and_wins_over_the_sample_variables() -> None:
    mapping = {"credentials": {"mine": {"sdk_key": "mine", "sdk_secret_env": "MINE"}}}
    settings = from_mapping(mapping, {**ZOOM, "MINE": SECRET + "x"}, HERE)
    native = settings.backends["native"]
    assert isinstance(native, NativeBackend)
    assert native.credentials == Credentials("mine", "mine", Secret(SECRET + "x"))


def test_line_ends_at_the_end_of_a_variable_are_not_part_of_the_secret() -> None:
    settings = from_mapping({}, {**ZOOM, "ZOOM_MEETING_SDK_SECRET": SECRET + "\n"}, HERE)
    assert settings.secrets() == (Secret(SECRET),)


def test_full_file(tmp_path: Path) -> None:
    (tmp_path / "joinwatch.toml").write_text(FULL, encoding="utf-8-sig")
    (tmp_path / "secret").write_text(SECRET + "\r\n", encoding="utf-8")
    (tmp_path / "token").write_text("test-token-not-real\n", encoding="utf-8")
    (tmp_path / "keys").write_text(f"{NEWER}\n{OLDER}\n", encoding="utf-8")
    settings = load(tmp_path / "joinwatch.toml", {"UPSTREAM_AUTH": "Bearer test-bearer-not-real"})
    pair = Credentials("app", KEY, Secret(SECRET))
    assert settings.source == str(tmp_path / "joinwatch.toml")
    assert settings.listen == Listen(
        ("0.0.0.0", 80),
        ("::1", 0),
        Secret("test-token-not-real"),
        ("metrics.example.com", "2001:db8::1"),
        5.0,
    )
    assert settings.proxies.trusted == (ip_network("10.0.0.0/8"), ip_network("2001:db8::5/128"))
    assert settings.backends == {
        "native": NativeBackend("native", pair, 3600, 0, True),
        "java": HttpBackend(
            name="java",
            url="https://signatures.example.com/zoom",
            timeout_s=2.5,
            preserve_host=True,
            replica_header="X-Served-By",
            headers=(("X-Caller", "joinwatch"), ("Authorization", Secret("Bearer test-bearer-not-real"))),
            tls_ca=None,
            credentials=(pair,),
        ),
    }
    assert settings.routes == (
        Route(
            path="/sign",
            methods=("POST", "OPTIONS"),
            backends=(("native", 1.0), ("java", 2.5)),
            meeting_from=Source(SourceKind.QUERY, ("mn",)),
            role_from=Source(SourceKind.PATH, ("0",)),
            rate_limit=RateLimit(60, 60.0),
        ),
        Route("/java", (), (("java", 1.0),), None, None, None),
        Route(
            "/own", ("POST",), (("native", 1.0),), DEFAULT_ROUTE.meeting_from, DEFAULT_ROUTE.role_from, None
        ),
    )
    assert settings.receipts == Receipts((Secret(NEWER), Secret(OLDER)), 86400)
    assert settings.results == Results(("https://app.example.com", "http://[::1]:8080"), RateLimit(5, 1.0), 3)
    assert settings.clock == Clock(("time.example.com", "192.0.2.1:123"), ("https://time.example.com/",), 8.0)
    assert settings.ledger == LedgerPlace(Path("/var/lib/joinwatch.db"), 3)
    revealed = {secret.reveal() for secret in settings.secrets()}
    assert revealed == {SECRET, "test-token-not-real", NEWER, OLDER, "Bearer test-bearer-not-real"}
    assert not any(secret in repr(settings) or secret in str(settings) for secret in revealed)


FULL = f"""
[listen]
public = "0.0.0.0:80"
admin = "[::1]:0"
admin_token_file = "token"
admin_hosts = ["Metrics.Example.com", "[2001:db8::1]"]
drain_delay_s = 5
[proxies]
trusted = ["10.0.0.0/8", "2001:db8::5"]
[credentials.app]
client_id = "{KEY}"
client_secret_file = "secret"
[backends.native]
kind = "native"
lifetime_s = 3600
backdate_s = 0
allow_host_role = true
[backends.java]
kind = "http"
url = "https://signatures.example.com/zoom"
timeout_s = 2.5
preserve_host = true
replica_header = "X-Served-By"
headers = {{ X-Caller = "joinwatch", Authorization = "env:UPSTREAM_AUTH" }}
credentials = "app"
[[routes]]
path = "/sign"
methods = ["post", "OPTIONS"]
backends = {{ native = 1, java = 2.5 }}
meeting_from = "query:mn"
role_from = "path:0"
rate_limit = "60/1m"
[[routes]]
path = "/java"
backends = {{ java = 1 }}
[[routes]]
path = "/own"
backends = {{ native = 1 }}
[receipts]
keys_file = "keys"
max_age_s = 86400
[results]
origins = ["https://APP.example.com:443", "http://[::1]:8080"]
rate_limit = "5/s"
max_attempts = 3
[clock]
ntp = ["time.example.com", "192.0.2.1:123"]
http_date = ["https://time.example.com/"]
interval_s = 8
[ledger]
url = "sqlite:////var/lib/joinwatch.db"
retention_days = 3
"""


def test_which_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, level in (("joinwatch.toml", "debug"), ("named.toml", "error"), ("given.toml", "warning")):
        (tmp_path / name).write_text(f'[log]\nlevel = "{level}"\n')
    here = load(None, {})
    named = load(None, {"JOINWATCH_CONFIG": "named.toml"})
    given_ = load(Path("given.toml"), {"JOINWATCH_CONFIG": "named.toml"})
    assert [(s.log.level, s.source) for s in (here, named, given_)] == [
        ("debug", "joinwatch.toml"),
        ("error", "named.toml"),
        ("warning", "given.toml"),
    ]


def test_relative_files_start_at_the_file_not_at_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "a.toml").write_text('[ledger]\nurl = "sqlite:///data/l.db"\n')
    monkeypatch.chdir(tmp_path)
    assert load(Path("etc/a.toml"), {}).ledger.path == tmp_path / "etc" / "data" / "l.db"


DATABASE = f"postgresql://joinwatch:{DATABASE_PASSWORD}@db.example.com:5432/joinwatch?sslmode=verify-full"


@pytest.mark.parametrize("url", [DATABASE, DATABASE.replace("postgresql:", "postgres:") + "&sslcert=a.pem"])
def test_a_postgresql_ledger_is_named_by_a_file_or_variable_and_its_password_is_a_secret(
    tmp_path: Path, url: str
) -> None:
    (tmp_path / "url").write_text(f"{url}\n", encoding="utf-8")
    environ = {**ZOOM, "KEYS": NEWER, "URL": url}
    for way in ({"url_file": "url"}, {"url_env": "URL"}):
        settings = from_mapping({"ledger": way, "receipts": {"keys_env": "KEYS"}}, environ, tmp_path)
        assert settings.ledger == LedgerPlace(None, 30, Secret(url), (Secret(DATABASE_PASSWORD),))
        assert settings.ledger.place() == url
        assert Secret(DATABASE_PASSWORD) in settings.secrets()
        assert DATABASE_PASSWORD not in repr(settings)


def test_a_postgresql_ledger_without_a_password_may_be_named_in_sight() -> None:
    url = "postgresql://joinwatch@/joinwatch?host=/run/postgresql"
    settings = from_mapping(
        {"ledger": {"url": url}, "receipts": {"keys_env": "KEYS"}}, {**ZOOM, "KEYS": NEWER}, HERE
    )
    assert settings.ledger == LedgerPlace(None, 30, Secret(url))


@pytest.mark.parametrize(
    ("make", "what"),
    [
        pytest.param(lambda path: None, "cannot be read (no such file or directory)", id="missing"),
        pytest.param(lambda path: path.mkdir(), "cannot be read (is a directory)", id="folder"),
        pytest.param(lambda path: path.write_bytes(b"a = \xff"), "is not UTF-8 text (byte 5)", id="not-utf8"),
    ],
)
def test_a_file_that_cannot_be_read(make: object, what: str, tmp_path: Path) -> None:
    path = tmp_path / "given.toml"
    assert callable(make)
    make(path)
    with pytest.raises(SettingsError) as raised:
        load(path, {})
    assert [(p.path, p.what) for p in raised.value.problems] == [(str(path), what)]


def test_the_environment_wins_over_the_file() -> None:
    mapping = {
        "listen": {"public": "127.0.0.1:1"},
        "backends": {"java": {"kind": "http", "url": "http://127.0.0.1:2/"}},
        "routes": [{"path": "/", "backends": {"java": 1}}],
        "receipts": {"keys_env": "JOINWATCH_RECEIPTS__KEYS"},
    }
    settings = from_mapping(
        mapping,
        {
            "JOINWATCH_LISTEN__PUBLIC": "127.0.0.1:3",
            "joinwatch_listen__drain_delay_s": "1.5",
            "JOINWATCH_BACKENDS__JAVA__URL": "http://127.0.0.1:4/",
            "JOINWATCH_BACKENDS__JAVA__PRESERVE_HOST": "True",
            "JOINWATCH_BACKENDS__JAVA__CREDENTIALS": "",
            "JOINWATCH_RESULTS__ORIGINS": "https://a.example.com, https://b.example.com,",
            "JOINWATCH_RESULTS__MAX_ATTEMPTS": "7",
            "JOINWATCH_RECEIPTS__KEYS": NEWER,
            "OTHER": "x",
        },
        HERE,
    )
    java = settings.backends["java"]
    assert isinstance(java, HttpBackend)
    assert (settings.listen.public, settings.listen.drain_delay_s) == (("127.0.0.1", 3), 1.5)
    assert (java.url, java.preserve_host, java.credentials) == ("http://127.0.0.1:4/", True, ())
    assert settings.results.origins == ("https://a.example.com", "https://b.example.com")
    assert settings.results.max_attempts == 7
    assert settings.receipts.keys == (Secret(NEWER),)
    assert mapping["listen"] == {"public": "127.0.0.1:1"}, "the mapping handed in is not changed"


_VARIABLES = [
    *(f"{section}__{key}" for section, model in SECTIONS.items() for key in model.model_fields),
    *(f"{s}__a__{key}" for s, models in NAMED.items() for m in models for key in m.model_fields),
]


@pytest.mark.parametrize("name", _VARIABLES)
def test_a_variable_with_a_byte_that_is_not_utf8_is_a_problem(name: str) -> None:
    with pytest.raises(SettingsError) as raised:
        from_mapping({}, {**ZOOM, f"JOINWATCH_{name}".upper(): "a\udcff"}, HERE)
    assert str(raised.value).encode()


def test_the_words_for_a_byte_that_is_not_utf8() -> None:
    with pytest.raises(SettingsError) as raised:
        from_mapping({}, {**ZOOM, "JOINWATCH_LISTEN__PUBLIC": "127.0.0.1:\udcff"}, HERE)
    assert [str(problem) for problem in raised.value.problems] == [
        "listen.public: has a byte that is not UTF-8 text; write it in UTF-8 (set by JOINWATCH_LISTEN__PUBLIC)"
    ]


def test_the_embedded_backend_can_be_tuned_from_the_environment_alone() -> None:
    native = from_mapping({}, {**ZOOM, "JOINWATCH_BACKENDS__NATIVE__BACKDATE_S": "300"}, HERE).backends[
        "native"
    ]
    assert native == NativeBackend("native", PAIR, 7200, 300, False)


def test_a_certificate_authority_is_read_at_load(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(_certificate())
    java = {"kind": "http", "url": "https://127.0.0.1:8443/", "tls_ca": "ca.pem"}
    settings = from_mapping(
        {"backends": {"java": java}, "routes": [{"path": "/", "backends": {"java": 1}}]}, {}, tmp_path
    )
    backend = settings.backends["java"]
    assert isinstance(backend, HttpBackend)
    assert backend.tls_ca == tmp_path / "ca.pem"
    assert not settings.throwaway, "no native issuer, nothing to sign with"


def _certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "joinwatch test CA")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + timedelta(days=36500))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_retention_must_outlive_receipts_by_more_than_a_day() -> None:
    def days(count: int) -> Settings:
        return from_mapping(
            {"receipts": {"max_age_s": 86400 * 2}, "ledger": {"retention_days": count}}, ZOOM, HERE
        )

    assert days(4).ledger.retention_days == 4
    with pytest.raises(SettingsError, match="write 4 or more"):
        days(3)


_SECTIONS = [*TOP_LEVEL, "x"]
_KEYS = [
    "public",
    "trusted",
    "kind",
    "url",
    "path",
    "backends",
    "methods",
    "headers",
    "keys_env",
    "native",
    "java",
    "a",
]
_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.sampled_from(
            ["native", "http", "/", "http://h/", "json:/a", "sqlite:///a", "1/s", "[::1]:1", "."]
        ),
        st.text(max_size=12),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=5), inner, max_size=4),
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from(_SECTIONS), _VALUES, max_size=5),
    st.dictionaries(
        st.sampled_from(["JOINWATCH_CLOCK__NTP", "JOINWATCH_BACKENDS__A__URL"]), st.text(max_size=9)
    ),
)
def test_whatever_is_written_there_are_settings_or_problems(
    mapping: dict[str, object], environ: dict[str, str]
) -> None:
    problems: tuple[Problem, ...] | None = None
    try:
        from_mapping(mapping, environ, HERE)
    except SettingsError as error:
        problems = error.problems
    assert problems is None or problems
    assert all(p.path and p.what and p.mend and str(p).isprintable() for p in problems or ())
