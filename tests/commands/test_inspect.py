"""joinwatch inspect: whatever a signature is pasted in, what is said of it, and what is said where there is none."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from proxy.cli import main
from proxy.commands.inspect import judge
from proxy.commands.pasted import read, text_of
from proxy.domain.rules.base import Verdict
from tests.support import tokens
from tests.support.fake_time import FakeTime
from tests.support.secrets import CLIENT_SECRET, KEY, found_in
from tests.support.tokens import MEETING, NOW, legacy, native, signed, video, web

REPOSITORY = Path(__file__).parents[2]
TOKEN = signed(web())
AHEAD = signed(web(iat=NOW + 34))
AT = ("--at", str(NOW))
DATE = formatdate(NOW, usegmt=True)


def reply(body: str, *headers: str, status: str = "HTTP/1.1 200 OK", end: str = "\r\n") -> str:
    """A whole reply, as curl -i prints it."""
    return end.join([status, "Content-Type: application/json", *headers, "", body])


class Ran:
    """What a command has done."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> dict[str, Any]:
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found

    @property
    def ids(self) -> list[str]:
        return [each["id"] for each in self.json["findings"]]


Run = Callable[..., Ran]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, with what is on its standard input."""

    def ran(*arguments: str, stdin: str | bytes = b"") -> Ran:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        try:
            code = main(("inspect", *arguments))
        except SystemExit as exited:
            code = int(exited.code or 0)
        out, err = capsys.readouterr()
        assert found_in(out + err) == []
        return Ran(code, out, err)

    return ran


# What it stands in

CURL_V = f"""* Connected to 127.0.0.1 port 4000
> POST / HTTP/1.1
> Host: 127.0.0.1:4000
>
{{ [5 bytes data]
< HTTP/1.1 200 OK
< Date: {DATE}
<
{{"signature":"{TOKEN}"}}
* Connection #0 to host 127.0.0.1 left intact"""

WRAPPED = "\n".join(TOKEN[start : start + 80] for start in range(0, len(TOKEN), 80))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(TOKEN, id="bare"),
        pytest.param(f"\n  {TOKEN}\r\n", id="white space around"),
        pytest.param(f'"{TOKEN}"', id="double quotation marks"),
        pytest.param(f"'{TOKEN}',", id="single quotation marks and a comma"),
        pytest.param(f"`{TOKEN}`", id="backticks"),
        pytest.param(json.dumps({"signature": TOKEN, "sdkKey": KEY}), id="JSON"),
        pytest.param(json.dumps({"data": {"zoom": {"jwt_token": TOKEN}}}, indent=2), id="JSON, deep"),
        pytest.param(json.dumps(json.dumps({"signature": TOKEN})), id="JSON in JSON"),
        pytest.param(f'{{\\"signature\\":\\"{TOKEN}\\"}}', id="escaped JSON"),
        pytest.param(f"https://app.example/meeting.html?mn=1&signature={quote(TOKEN)}&role=0", id="a URL"),
        pytest.param(f"https://app.example/join#{TOKEN.replace('.', '%2E')}", id="a URL, dots escaped"),
        pytest.param(f"Authorization: Bearer {TOKEN}", id="an Authorization header"),
        pytest.param(f"const signature = '{TOKEN}';", id="a line of code"),
        pytest.param(f"<input name=signature value='{TOKEN}'>", id="HTML"),
        pytest.param(reply(f'{{"signature":"{TOKEN}"}}', f"Date: {DATE}"), id="a reply"),
        pytest.param(reply(TOKEN, end="\n"), id="a reply with bare line ends"),
        pytest.param(reply(f'{{"signature":"{TOKEN}"}}', status="HTTP/2 200"), id="HTTP/2"),
        pytest.param(
            reply("", "Location: /x", status="HTTP/1.1 307 Temporary Redirect") + reply(TOKEN),
            id="a redirect before it",
        ),
        pytest.param(
            reply("", f"Location: /meeting.html?signature={TOKEN}", status="HTTP/1.1 302 Found"),
            id="in a redirect",
        ),
        pytest.param(CURL_V, id="curl -v"),
    ],
)
def test_whatever_it_stands_in(run: Run, text: str) -> None:
    ran = run("--json", *AT, stdin=text)
    assert (ran.code, ran.json["verdict"], ran.json["findings"]) == (0, "ok", [])
    assert ran.json["claims"]["iat"] == NOW - 60
    assert run("--json", *AT, text).out == ran.out
    assert run("-", "--json", *AT, stdin=text).out == ran.out


def test_lines_of_a_token_are_put_together(run: Run) -> None:
    ran = run("--json", *AT, stdin=WRAPPED)
    assert ran.ids == ["format/encoding"]
    assert "white space" in ran.json["findings"][0]["detail"]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(TOKEN.encode("utf-16"), id="UTF-16, as PowerShell writes"),
        pytest.param(TOKEN.encode("utf-16-le"), id="UTF-16 without a mark"),
        pytest.param(TOKEN.encode("utf-16-be"), id="big endian without a mark"),
        pytest.param(TOKEN.encode("utf-8-sig"), id="a byte order mark"),
        pytest.param(f"sígnature: {TOKEN}".encode("latin-1"), id="Latin-1"),
        pytest.param(f"{TOKEN}\0\0".encode(), id="NUL bytes after it"),
        pytest.param(b"\xff\xff\xff " + TOKEN.encode(), id="bytes of no encoding"),
    ],
)
def test_whatever_wrote_it(run: Run, tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "reply"
    file.write_bytes(data)
    assert run("--json", *AT, "--response", str(file)).json["verdict"] == "ok"
    assert run("--json", *AT, stdin=data).json["verdict"] == "ok"


def test_an_argument_is_judged_at_the_date_of_the_reply_beside_it(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "reply"
    file.write_text(reply(TOKEN, f"Date: {DATE}"))
    ran = run("--json", AHEAD, "--response", str(file))
    assert (ran.code, ran.ids) == (1, ["time/iat_ahead"])


# When it is judged


@pytest.mark.parametrize(
    ("headers", "arguments", "found"),
    [
        pytest.param([f"Date: {DATE}"], [], [("time/iat_ahead", "refused")], id="Date"),
        pytest.param([f"Date: {formatdate(NOW + 40, usegmt=True)}"], [], [], id="a later Date"),
        pytest.param([f"Date: {DATE}", "Age: 40"], [], [("reply/cached", "info")], id="out of a cache"),
        pytest.param(
            [f"Date: {formatdate(NOW + 7200, usegmt=True)}"], [], [("time/expired", "refused")], id="old"
        ),
        pytest.param([f"Date: {DATE}"], ["--at", str(NOW + 100)], [], id="--at goes before"),
        pytest.param([], ["--at", str(NOW)], [("time/iat_ahead", "refused")], id="--at"),
        pytest.param([], ["--at", str(NOW + 7140)], [("time/expired", "refused")], id="--at, expired"),
        pytest.param([], ["--at", f"{NOW + 33.5}"], [("time/iat_ahead", "warning")], id="hardly ahead"),
    ],
)
def test_when_it_is_judged(
    run: Run, headers: list[str], arguments: list[str], found: list[tuple[str, str]]
) -> None:
    ran = run("--json", *arguments, stdin=reply(AHEAD, *headers))
    assert [(each["id"], each["severity"]) for each in ran.json["findings"]] == found
    assert ran.code == (1 if ("refused" in dict(found).values() or "refused" in [s for _, s in found]) else 0)


def test_a_pasted_token_has_aged_and_that_is_no_fault_of_its_signer() -> None:
    time = FakeTime(wall_s=NOW + 86400.0)
    (inspection,) = judge(read(TOKEN), at=None, key=None, secret=None, time=time)
    (finding,) = inspection.findings
    assert (finding.id, finding.severity, finding.cause) == ("time/expired", "info", None)
    assert "Give --at" in finding.detail
    assert inspection.verdict is Verdict.OK


def test_now_is_asked_only_where_nothing_else_says_when() -> None:
    time = FakeTime(wall_s=NOW + 86400.0)
    (inspection,) = judge(read(reply(TOKEN, f"Date: {DATE}")), at=None, key=None, secret=None, time=time)
    assert inspection.findings == ()
    assert inspection.when.reference == NOW + 0.5


# The HMAC


@pytest.fixture
def secret_file(tmp_path: Path) -> str:
    """A file with the client secret, as editors write it."""
    file = tmp_path / "secret"
    file.write_text(f"{CLIENT_SECRET}\n")
    return str(file)


@pytest.mark.parametrize(
    ("token", "key", "found"),
    [
        pytest.param(TOKEN, [], [], id="right"),
        pytest.param(TOKEN, ["--key", KEY], [], id="right, with its key"),
        pytest.param(TOKEN, ["--key", "another"], ["mac/unknown_key"], id="another key"),
        pytest.param(signed(web(), secret=b"x"), [], ["mac/wrong"], id="wrong"),
        pytest.param(legacy(), [], ["format/legacy"], id="legacy"),
        pytest.param(
            signed(web(), secret=f"{CLIENT_SECRET}\n".encode()), [], ["mac/damaged_secret"], id="a line end"
        ),
        pytest.param(signed(web(), secret=KEY.encode()), [], ["mac/swapped"], id="the key as the secret"),
        pytest.param(
            signed(web(appKey=CLIENT_SECRET, sdkKey=CLIENT_SECRET), secret=KEY.encode()),
            [],
            ["mac/swapped"],
            id="swapped",
        ),
        pytest.param(
            signed(web(appKey=CLIENT_SECRET, sdkKey=CLIENT_SECRET), secret=KEY.encode()),
            ["--key", KEY],
            ["mac/swapped"],
            id="swapped, with its key",
        ),
    ],
)
def test_the_hmac_is_verified_and_explained(
    run: Run, secret_file: str, token: str, key: list[str], found: list[str]
) -> None:
    for output in ([], ["--json"]):
        ran = run(*output, *AT, *key, "--secret-file", secret_file, stdin=token)
    assert ran.ids == found
    assert ran.code == (1 if set(found) - {"mac/unknown_key"} else 0)


@pytest.mark.parametrize(
    ("secret", "found"),
    [
        pytest.param(b"", ["mac/empty_secret"], id="empty"),
        pytest.param(KEY.encode(), ["mac/swapped"], id="its own key"),
        pytest.param(b"whatever", [], id="unknown"),
    ],
)
def test_what_can_be_told_of_the_hmac_without_any_secret(run: Run, secret: bytes, found: list[str]) -> None:
    assert run("--json", *AT, signed(web(), secret=secret)).ids == found


# What is printed


def test_the_text_whole(run: Run, golden: Callable[[str, str], None], secret_file: str) -> None:
    token = signed(
        web(iat=NOW + 34, exp=NOW + 34 + 7_200_000, tokenExp=NOW + 34 + 7_200_000, **{"\x1b[31mred\n": 1}),
        secret=f'"{CLIENT_SECRET}"'.encode(),
    )
    text = reply(json.dumps({"signature": token}), f"Date: {DATE}", "Cache-Control: public, max-age=60")
    ran = run("--secret-file", secret_file, stdin=text)
    assert ran.code == 1
    assert "\x1b" not in ran.out
    golden("inspect_refused.txt", ran.out)


def test_the_text_of_a_sound_one(run: Run, golden: Callable[[str, str], None]) -> None:
    golden("inspect_ok.txt", run(*AT, json.dumps({"signature": TOKEN})).out)


def test_the_json_whole(run: Run) -> None:
    ran = run("--json", *AT, AHEAD)
    assert ran.code == 1
    assert list(ran.json) == ["verdict", "format", "claims", "findings"]
    assert ran.json == {
        "verdict": "refused",
        "format": "meeting_sdk",
        "claims": {
            "appKey": "te***_0",
            "sdkKey": "te***_0",
            "mn": "98***01",
            "role": 0,
            "iat": NOW + 34,
            "exp": NOW + 7140,
            "tokenExp": NOW + 7140,
        },
        "findings": [
            {
                "id": "time/iat_ahead",
                "severity": "refused",
                "cause": None,
                "summary": 'iat lies in the future: Zoom answers "Invalid signature." until it has passed.',
                "detail": "iat is 34.0 s ahead of the reference clock (± 0.000 s).",
            }
        ],
    }


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(signed(native()), id="native"),
        pytest.param(legacy(), id="legacy"),
        pytest.param(signed(video()), id="Video SDK"),
        pytest.param(signed(tokens.session()), id="a session"),
        pytest.param(tokens.hmac_only(web()), id="only the HMAC"),
        pytest.param(tokens.shared_fields(web()), id="five parts"),
        pytest.param(signed(web(iat=1e300, exp=-1e300, mn=None, role=[1])), id="times beyond the calendar"),
    ],
)
def test_every_kind_has_a_text(run: Run, token: str) -> None:
    ran = run(*AT, token)
    assert ran.out.startswith("format   ")
    assert ran.out.splitlines()[-1].partition(":")[0] == run("--json", *AT, token).json["verdict"]
    assert KEY not in ran.out
    assert MEETING not in ran.out


def test_colours_are_for_terminals() -> None:
    def on_a_terminal(**env: str) -> str:
        leader, follower = pty.openpty()
        with os.fdopen(leader, "rb", buffering=0) as terminal:
            subprocess.run(
                [sys.executable, "-m", "proxy", "inspect", *AT, AHEAD],
                stdout=follower,
                stdin=subprocess.DEVNULL,
                env={"PYTHONPATH": str(REPOSITORY), "PATH": os.environ["PATH"], "TERM": "xterm", **env},
                timeout=30,
                check=False,
            )
            os.close(follower)
            shown = b""
            while True:
                try:
                    chunk = terminal.read(65536)
                except OSError:  # Linux says so when the other end is closed.
                    return shown.decode()
                if not chunk:
                    return shown.decode()
                shown += chunk

    assert "\x1b[31;1mrefused  time/iat_ahead\x1b[0m" in on_a_terminal()
    assert "\x1b" not in on_a_terminal(NO_COLOR="1")
    assert "\x1b" not in on_a_terminal(TERM="dumb")


def test_a_terminal_that_knows_ascii_only_and_a_reader_that_left() -> None:
    command = [sys.executable, "-m", "proxy", "inspect", *AT, AHEAD]
    env = {"PYTHONPATH": str(REPOSITORY), "PATH": os.environ["PATH"], "PYTHONIOENCODING": "ascii"}
    ran = subprocess.run(
        command, capture_output=True, stdin=subprocess.DEVNULL, env=env, timeout=30, check=False
    )
    assert (ran.returncode, ran.stderr) == (1, b"")
    assert b"ahead of the reference clock (? 0.000 s)" in ran.stdout.replace(b"\n         ", b" ")
    reader, writer = os.pipe()
    os.close(reader)
    left = subprocess.run(
        command,
        stdout=writer,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env=env,
        timeout=30,
        check=False,
    )
    os.close(writer)
    assert (left.returncode, left.stderr) == (1, b"")


# Several


def test_several_one_a_line(run: Run) -> None:
    lines = [TOKEN, "", AHEAD, "no token", signed(native())]
    ran = run("--json", *AT, stdin="\n".join(lines))
    assert [json.loads(line)["verdict"] for line in ran.out.splitlines()] == ["ok", "refused", "ok"]
    assert (ran.code, ran.err) == (1, "")
    text = run(*AT, stdin="\n".join(lines)).out
    assert [line for line in text.splitlines() if line.endswith("of 3")] == ["1 of 3", "2 of 3", "3 of 3"]


def test_more_than_a_thousand_are_not_judged_in_silence(run: Run) -> None:
    ran = run("--json", *AT, stdin=f"{TOKEN}\n" * 1500)
    assert len(ran.out.splitlines()) == 1000
    assert ran.err == "joinwatch inspect: there are more than 1000: the first 1000 are judged\n"


def test_several_replies_each_at_its_own_date(run: Run) -> None:
    whole = "".join(reply(AHEAD + "\n", f"Date: {formatdate(NOW + late, usegmt=True)}") for late in (0, 60))
    ran = run("--json", stdin=whole)
    assert [json.loads(line)["verdict"] for line in ran.out.splitlines()] == ["refused", "ok"]


@pytest.mark.parametrize(
    ("iats", "rest"),
    [
        pytest.param([NOW // 128 * 128 + 128 * n for n in range(4)], 0, id="float32"),
        pytest.param([NOW // 128 * 128 - 30 + 128 * n for n in range(5)], 98, id="float32, less 30 s"),
        pytest.param([NOW // 128 * 128 + 128 * n for n in range(3)], None, id="three are too few"),
        pytest.param([NOW] * 9, None, id="the same again"),
        pytest.param([NOW + 127 * n for n in range(9)], None, id="sound"),
    ],
)
def test_a_common_residue_is_pointed_out(run: Run, iats: list[int], rest: int | None) -> None:
    ran = run("--json", *AT, stdin="\n".join(signed(web(iat=iat)) for iat in iats))
    assert (f"leave the rest {rest} when divided by 128" in ran.err) is (rest is not None)
    assert rest is not None or ran.err == ""


# What is mended to read it


@pytest.mark.parametrize(
    ("text", "note"),
    [
        pytest.param(json.dumps({"signature": TOKEN}), "inside JSON", id="JSON"),
        pytest.param(TOKEN.replace(".", "%2E"), "percent-encoded", id="escaped dots"),
        pytest.param(tokens.with_symbols().replace("+", " "), "spaces where it had +", id="+ lost in a URL"),
    ],
)
def test_what_was_mended_is_said(run: Run, text: str, note: str) -> None:
    ran = run(*AT, text)
    assert note in ran.out
    assert "mac_length" not in ran.out


MAC = TOKEN.rpartition(".")[2]
ALONE = json.dumps({"signature": MAC, "sdkKey": KEY})


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(MAC, id="bare"),
        pytest.param(ALONE, id="JSON"),
        pytest.param(json.dumps({"data": {"zoom_signature": MAC}}, indent=2), id="JSON, deep"),
        pytest.param(json.dumps(ALONE), id="JSON in JSON"),
        pytest.param(json.dumps({"signature": "0f" * 32}), id="hexadecimal"),
        pytest.param(reply(MAC), id="a reply"),
        pytest.param(reply(ALONE, f"Date: {DATE}"), id="a reply with JSON"),
    ],
)
def test_an_hmac_alone_is_named(run: Run, text: str) -> None:
    ran = run("--json", *AT, "-", stdin=text)
    assert (ran.code, ran.json["verdict"], ran.ids) == (1, "refused", ["format/hmac_only"])
    assert MAC not in ran.out + ran.err
    assert "inside JSON" not in run(*AT, "-", stdin=text).out


def test_a_whole_signature_is_preferred_to_an_hmac_alone(run: Run) -> None:
    assert run("--json", *AT, json.dumps({"signature": MAC, "jwt": TOKEN})).json["verdict"] == "ok"


# There is none


def issued(*findings: str, **also: object) -> str:
    """A line of joinwatch's own log."""
    line = {"timestamp": "2026-11-22T00:00:00.000Z", "level": "info", "event": "signature.issued"}
    return json.dumps(line | {"findings": findings} | also, separators=(",", ":"))


OWN = "a line of joinwatch's own log, which never holds signatures; its field findings "


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("", "nothing at all", id="nothing"),
        pytest.param("  \n", "nothing at all", id="white space"),
        pytest.param("undefined", "the text undefined: the variable was never set", id="undefined"),
        pytest.param('"null"', "the variable is empty", id="null"),
        pytest.param("[object Promise]", "await the Promise", id="a Promise"),
        pytest.param("[object Object]", "give its field that holds the signature", id="an object as text"),
        pytest.param("Promise { <pending> }", "await the Promise", id="a Promise as Node prints it"),
        pytest.param('{"meetingNumber":"1","role":0}', "its fields are meetingNumber, role", id="JSON"),
        pytest.param(
            json.dumps({"signature": CLIENT_SECRET}), "its fields are signature", id="a secret in its place"
        ),
        pytest.param(json.dumps({"hash": MAC}), "its fields are hash", id="43 characters that mean nothing"),
        pytest.param(
            issued("time/iat_ahead", "claims/mn_type"),
            OWN + "names what was found: time/iat_ahead, claims/mn_type (docs/findings.md). To inspect",
            id="an own log line",
        ),
        pytest.param(issued(), OWN + "is empty: nothing was found. To", id="a clean own log line"),
        pytest.param(
            f"joinwatch-1  | {issued('time/iat_ahead')}\nx {issued('time/iat_ahead', 'time/expired')}\n{issued()[:-9]}",
            OWN + "names what was found: time/iat_ahead, time/expired (",
            id="several own log lines",
        ),
        pytest.param(
            issued("\x1b[31m", "a/" + "b" * 99),
            OWN + "names what was found, but cannot be read here",
            id="a hostile own log line",
        ),
        pytest.param(
            issued("time/expired")[:-3], OWN + "names what was found, but cannot be", id="a cut own log line"
        ),
        pytest.param("{}", "an empty JSON object", id="an empty object"),
        pytest.param("[1,2]", "a JSON list without one", id="a list"),
        pytest.param("{oops", "like JSON that cannot be read", id="broken JSON"),
        pytest.param('{"\\u001b[31m\\ud800":1}', "its fields are ?[31m?", id="a hostile field name"),
        pytest.param(
            "<!DOCTYPE html><title>502 Bad\nGateway</title>", 'an HTML page ("502 Bad Gateway")', id="HTML"
        ),
        pytest.param("<?xml version='1.0'?><a/>", "XML or a piece of HTML", id="XML"),
        pytest.param(TOKEN[:80], "cannot be decoded: it was cut off", id="cut off"),
        pytest.param("eyJhbGciOiJIUzI1NiJ9", "the beginning of a JWT", id="a header alone"),
        pytest.param("1795280241", "a number", id="a number"),
        pytest.param("https://app.example/join", "an address without a signature", id="a URL"),
        pytest.param(CLIENT_SECRET, "35 characters without the shape of one", id="a secret"),
        pytest.param("x", "one character", id="one character"),
        pytest.param(
            reply("", status="HTTP/1.1 403 Forbidden"),
            "the reply says 403, and its body is nothing",
            id="403",
        ),
        pytest.param(
            reply('{"errors":[]}', status="HTTP/2 400"), "says 400, and its body is a JSON obj", id="400"
        ),
        pytest.param("a" * 1_000_000, "1,000,000 characters without", id="1 MB"),
        pytest.param("a" * 1_200_000, "over 1 MiB", id="more"),
    ],
)
def test_what_is_no_signature_is_named(run: Run, text: str, says: str) -> None:
    ran = run("--json", "-", stdin=text)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("joinwatch inspect: ")
    assert says in ran.err
    assert len(ran.err.splitlines()) == 1
    assert all(each.isprintable() for each in ran.err.rstrip("\n"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(("--at", "soon", TOKEN), "it is not a time", id="no time"),
        pytest.param(("--at", "nan", TOKEN), "not a time", id="NaN"),
        pytest.param(("--at", str(NOW * 1000), TOKEN), "date +%s prints one", id="milliseconds"),
        pytest.param(("--key", KEY, TOKEN), "--key says whose secret", id="a key without its secret"),
        pytest.param(
            ("--secret-file", "missing", TOKEN), "--secret-file missing cannot be read", id="no file"
        ),
        pytest.param(
            ("--secret-file", "quoted", TOKEN), "quotation marks in it; remove", id="a quoted secret"
        ),
        pytest.param(("--secret-file", "bytes", TOKEN), "is not UTF-8 text", id="a secret of bytes"),
        pytest.param(("--secret-file", "large", TOKEN), "is over 65536 bytes", id="a large secret"),
        pytest.param(("--response", "missing"), "--response missing cannot be read (no such", id="no reply"),
        pytest.param(("--response", "."), "--response . cannot be read (is a dir", id="a folder"),
        pytest.param(("quoted",), "this is the name of a file; give it with --response", id="a file's name"),
        pytest.param(
            ("one", "two"),
            "1 argument was not understood: put the signature into quotation marks",
            id="an argument too many",
        ),
    ],
)
def test_wrong_use(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quoted").write_text(f'"{CLIENT_SECRET}"')
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\xfd")
    (tmp_path / "large").write_bytes(b"x" * 65537)
    ran = run(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err


def test_an_idle_terminal_is_told_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    leader, follower = pty.openpty()
    with os.fdopen(follower) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        assert main(["inspect"]) == 2
    os.close(leader)
    assert "paste, Ctrl-D" in capsys.readouterr().err


def test_text_of_anything() -> None:
    assert text_of(b"") == ""
    assert text_of(b"a") == "a"
    assert text_of(b"\xe4") == "ä"
