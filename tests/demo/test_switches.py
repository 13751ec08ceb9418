"""/demo/faults: on the admin listener of the demo, guarded against pages elsewhere, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from proxy.demo.faults import HONEST, PLANTED
from proxy.demo.world import World

from ..support.demo_world import FREE_PORTS, drive
from ..support.secrets import ADMIN_TOKEN

GUARD = {"Joinwatch-Demo": "1"}


async def ask(
    made: World, path: str, data: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    """GET without data, POST with."""
    with made.web.asking():
        method = "GET" if data is None else "POST"
        async with made.web.http.request(
            method, f"{made.watcher.admin}{path}", data=data, headers=headers
        ) as reply:
            return reply.status, await reply.json()


def test_listed_and_switched(tmp_path: Path) -> None:
    async def story(made: World) -> None:
        status, found = await ask(made, "/demo/faults")
        assert status == 200
        assert [each["name"] for each in found["faults"]] == [fault.name for fault in PLANTED]
        assert all(each["on"] for each in found["faults"])
        for on in (False, True):
            body = b'{"on": true}' if on else b'{"on": false}'
            status, one = await ask(made, "/demo/faults/cached", body, GUARD)
            assert (status, one["name"], one["on"]) == (200, "cached", on)
            assert made.faults.is_on("cached") is on

    drive(story, tmp_path)


def test_what_is_refused(tmp_path: Path) -> None:
    off = b'{"on": false}'
    table: list[tuple[str, bytes, dict[str, str], int, str]] = [
        ("cached", off, {}, 403, "header"),
        ("cached", off, {"Joinwatch-Demo": ""}, 403, "header"),
        (HONEST, off, GUARD, 404, "fault"),
        ("nothing", off, GUARD, 404, "fault"),
        ("cached", b"", GUARD, 400, "body"),
        ("cached", b"false", GUARD, 400, "body"),
        ("cached", b'{"on": 0}', GUARD, 400, "body"),
        ("cached", b'{"on": false, "off": 1}', GUARD, 400, "body"),
        ("cached", b"[" * 1000, GUARD, 400, "body"),
        ("cached", b" " * 5000 + off, GUARD, 400, "body"),
        ("cached", off, {**GUARD, "Host": "rebound.example"}, 403, "host"),
    ]

    async def story(made: World) -> None:
        for name, body, headers, status, code in table:
            found = await ask(made, f"/demo/faults/{name}", body, headers)
            assert (found[0], found[1]["error"]["code"]) == (status, code), (name, body, headers)
        assert all(on for _, on in made.faults)
        _, told = await ask(made, "/demo/faults/nothing", off, GUARD)
        assert "java_rounding" in told["error"]["message"]
        with made.web.asking():
            async with made.web.http.get(f"{made.web.public}/demo/faults") as reply:
                assert reply.status == 404

    drive(story, tmp_path)


def test_behind_the_admin_token_as_all_else(tmp_path: Path) -> None:
    token = tmp_path / "admin-token"
    token.write_text(ADMIN_TOKEN)

    async def story(made: World) -> None:
        assert (await ask(made, "/demo/faults"))[0] == 401
        await made.watcher.look()  # the demo itself has it

    drive(story, tmp_path, environ={**FREE_PORTS, "JOINWATCH_LISTEN__ADMIN_TOKEN_FILE": str(token)})
