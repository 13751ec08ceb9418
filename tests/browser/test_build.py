"""The page's script as it is built and shipped: the committed file, its size, its checks, and the package for npm."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from bench.page_script import SCRIPT, sizes
from proxy import __version__
from tests.browser.stage.sdk import installed
from tests.support import npm
from tests.support.real import require

pytestmark = pytest.mark.timeout(300)

_ROOT: Final = Path(__file__).parents[2]
_CLIENT: Final = _ROOT / "client"

_LOCKED: Final = (".npmrc", "package.json", "package-lock.json")
_SOURCES: Final = ("build.mjs", "tsconfig.json", "tsconfig.build.json", "README.md", "LICENSE", "src", "test")
_PACKAGE: Final = "joinwatch-join-results"
_MAX_GZIP: Final = 4096


def run(*command: str | Path, cwd: Path) -> str:
    """What a program prints; it must succeed."""
    ended = subprocess.run(
        list(map(str, command)), cwd=cwd, capture_output=True, text=True, timeout=240, check=False
    )
    assert ended.returncode == 0, f"{ended.stdout[-6000:]}\n{ended.stderr[-2000:]}"
    return ended.stdout


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of client/ with its tools, in a folder that has room for what the build writes beside it."""
    modules = npm.installed(_CLIENT, _LOCKED, "client")
    root = tmp_path_factory.mktemp("checkout")
    folder = root / "client"
    folder.mkdir()
    (root / "proxy" / "web" / "static").mkdir(parents=True)
    for name in (*_LOCKED, *_SOURCES):
        copy = shutil.copytree if (_CLIENT / name).is_dir() else shutil.copyfile
        copy(_CLIENT / name, folder / name)
    (folder / "node_modules").symlink_to(modules)
    return folder


@pytest.fixture(scope="module")
def package(client: Path) -> Path:
    """The tarball that would be published."""
    run(require("npm"), "run", "package", cwd=client)
    (tarball,) = (client / ".built").glob("*.tgz")
    return tarball


# The script


def test_the_committed_script_is_what_its_source_makes(client: Path) -> None:
    run(require("npm"), "run", "build", cwd=client)
    built = (client.parent / "proxy" / "web" / "static" / "join-results.js").read_bytes()
    # Not by a comparison that pytest would explain: these are two lines of 9000 characters.
    if built != SCRIPT.read_bytes():
        pytest.fail(
            f"{SCRIPT.relative_to(_ROOT)} is not what client/src makes: cd client && npm ci && npm run build",
            pytrace=False,
        )


def test_the_script_is_small() -> None:
    found = sizes(SCRIPT.read_bytes())
    packed = subprocess.run(
        [require("gzip"), "-9"], input=SCRIPT.read_bytes(), capture_output=True, timeout=30, check=True
    )
    largest = max(found.gzip, len(packed.stdout))
    assert largest <= _MAX_GZIP


def test_the_readme_tells_its_real_size() -> None:
    told = re.search(
        r"(\d+) bytes, (\d+) with gzip, (\d+) with brotli",
        (_CLIENT / "README.md").read_text(encoding="utf-8"),
    )
    assert told, "client/README.md does not say how large the script is"
    found = sizes(SCRIPT.read_bytes())
    assert tuple(map(int, told.groups())) == (found.raw, found.gzip, found.br), (
        "client/README.md, What it costs: `python -m bench.page_script --sizes` prints what it must say"
    )


@pytest.mark.parametrize("command", [("run", "check"), ("test",)], ids=["types", "tests"])
def test_its_own_checks_pass(client: Path, command: tuple[str, ...]) -> None:
    run(require("npm"), *command, cwd=client)


# What it is made with


def test_versions() -> None:
    listed = _json(_CLIENT / "package.json")
    assert listed["version"] == __version__
    assert "dependencies" not in listed
    loose = {name: each for name, each in listed["devDependencies"].items() if not _exact(each)}
    assert loose == {}


def test_the_lock_names_contents_and_no_place() -> None:
    locked = _json(_CLIENT / "package-lock.json")["packages"]
    own = locked.pop("")
    listed = _json(_CLIENT / "package.json")
    assert {name: own[name] for name in ("version", "devDependencies")} == {
        name: listed[name] for name in ("version", "devDependencies")
    }
    assert set(listed["devDependencies"]) <= {name.removeprefix("node_modules/") for name in locked}
    wrong = [
        name
        for name, entry in locked.items()
        if not re.fullmatch(r"sha512-[\w+/]{86}==", entry.get("integrity", "")) or "resolved" in entry
    ]
    assert wrong == []


def _json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _exact(version: str) -> bool:
    return re.fullmatch(r"\d+\.\d+\.\d+", version) is not None


# The package


@pytest.fixture(scope="module")
def app(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty project that has installed the package, and nothing else."""
    folder = tmp_path_factory.mktemp("app")
    (folder / "package.json").write_text(
        '{"name": "app", "private": true, "type": "module"}', encoding="utf-8"
    )
    run(require("npm"), "install", "--offline", "--no-audit", "--no-fund", package, cwd=folder)
    return folder


def test_the_package_holds_what_users_need_and_no_more(app: Path) -> None:
    folder = app / "node_modules" / _PACKAGE
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) == [
        "LICENSE",
        "README.md",
        "dist/index.d.ts",
        "dist/index.js",
        "package.json",
    ]
    assert (folder / "LICENSE").read_bytes() == (_ROOT / "LICENSE").read_bytes()
    types = (folder / "dist" / "index.d.ts").read_text(encoding="utf-8")
    names = re.findall(
        r"^(?:export )?(?:declare )?(?:function|interface|type|const) (\w+)", types, re.MULTILINE
    )
    assert sorted(names) == [
        *("JoinResult", "Outcome", "ReceivedSignature", "View"),
        *("configure", "report", "watchJoin", "watchSignature"),
    ]
    assert "from" not in re.sub(r"/\*\*.*?\*/", "", types, flags=re.DOTALL)


_ZOOM: Final = {
    "bundler": 'import ZoomMtgEmbedded from "@zoom/meetingsdk/embedded";',
    # As Node itself sees a package that is not made of ES modules.
    "nodenext": """\
import embedded from "@zoom/meetingsdk/embedded.js";
const ZoomMtgEmbedded = embedded.default;""",
}
_IMPORTS: Final = """\
import { ZoomMtg } from "@zoom/meetingsdk";
import { configure, report, watchJoin, watchSignature } from "joinwatch-join-results";
import type { JoinResult, Outcome, ReceivedSignature, View } from "joinwatch-join-results";
"""

_RIGHT: Final = """\
configure({ endpoint: "https://app.example.com/join-results" });
configure({ endpoint: new URL("https://app.example.com/join-results") });

const reply: Response = watchSignature(await fetch("/zoom/signature", { method: "POST" }));
const { signature }: { signature: string } = await reply.json();
const received: ReceivedSignature = { receipt: "opaque", signature };
const kept: typeof received = watchSignature(received);
const more: { receipt: string; signature: string; more: number } = watchSignature({ ...kept, more: 1 });

const zoom: typeof ZoomMtg = watchJoin(ZoomMtg);
const error = (error: unknown): void => report({ outcome: "failed", signature, error });
zoom.join({ signature, meetingNumber: 98765432101, userName: "A Person", success: () => {}, error });

const namespace: typeof ZoomMtgEmbedded = watchJoin(ZoomMtgEmbedded);
const made = namespace.createClient();
const client: typeof made = watchJoin(made);
const joined: "" | Error = await client.join({ signature, meetingNumber: "98765432101", userName: "A Person" }).then(
  (value) => value as "", (error: Error) => error);

const outcomes: Outcome[] = ["joined", "failed", "no_result"];
const views: View[] = ["client", "component", "other"];
const result: JoinResult = {
  outcome: outcomes[0]!, signature: more.signature, meetingNumber: "98765432101", error: joined,
  calledAt: performance.now(), view: views[0]!, sdkVersion: "6.2.0",
};
report(result);
"""

# What nobody may write -> the compiler's own code for it.
_WRONG: Final = {
    "no endpoint": ("configure({});", "TS2741"),
    "an endpoint alone": ('configure("https://app.example.com/join-results");', "TS2345"),
    "an unknown setting": ('configure({ endpoint: "/join-results", retries: 3 });', "TS2353"),
    "a promise of a reply": ('watchSignature(fetch("/zoom/signature"));', "TS2345"),
    "a signature without its receipt": ('watchSignature({ signature: "…" });', "TS2345"),
    "a receipt that may be missing": (
        'watchSignature({ receipt: new Headers().get("join-receipt"), signature: "…" });',
        "TS2322",
    ),
    "the reply as something else": ('const text: string = watchSignature(new Response(""));', "TS2322"),
    "no client": ("watchJoin();", "TS2554"),
    "joining without what ZoomMtg wants": ('watchJoin(ZoomMtg).join({ signature: "…" });', "TS2739"),
    "joining without what the client wants": (
        'void watchJoin(ZoomMtgEmbedded.createClient()).join({ signature: "…" });',
        "TS2739",
    ),
    "a method that the client has not": ("watchJoin(ZoomMtg).leave();", "TS2339"),
    "no signature": ('report({ outcome: "joined" });', "TS2741"),
    "an outcome of one's own": ('report({ outcome: "refused", signature: "…" });', "TS2322"),
    "a view of one's own": ('report({ outcome: "joined", signature: "…", view: "web" });', "TS2322"),
    "a time that is a date": (
        'report({ outcome: "joined", signature: "…", calledAt: new Date() });',
        "TS2322",
    ),
    "an internal name": ('import { newJoin } from "joinwatch-join-results"; newJoin;', "TS2305"),
    "an internal file": ('import "joinwatch-join-results/dist/index.js";', "TS2882"),
}


@dataclass(frozen=True, slots=True)
class Compiled:
    """What the compiler said of each file: `code` and message, in order."""

    said: dict[str, list[str]]


@pytest.fixture(scope="module", params=["bundler", "nodenext"])
def compiled(request: pytest.FixtureRequest, app: Path, client: Path) -> Iterator[Compiled]:
    """All of the above, strict, each wrong use in a file of its own; the package's own types are checked too."""
    zoom = app / "node_modules" / "@zoom"
    zoom.mkdir()
    (zoom / "meetingsdk").symlink_to(installed().node_modules / "@zoom" / "meetingsdk")
    sources = {"right": _RIGHT, **{name: code for name, (code, _) in _WRONG.items()}}
    for name, code in sources.items():
        (app / f"{name}.ts").write_text(f"{_IMPORTS}{_ZOOM[request.param]}\n{code}\n", encoding="utf-8")
    options = {
        "target": "ES2022",
        "lib": ["ES2022", "DOM"],
        "module": "nodenext" if request.param == "nodenext" else "ES2022",
        "moduleResolution": request.param,
        "strict": True,
        "noUncheckedSideEffectImports": True,
        "noEmit": True,
        "types": [],
    }
    (app / "tsconfig.json").write_text(json.dumps({"compilerOptions": options}), encoding="utf-8")
    ended = subprocess.run(
        [client / "node_modules" / ".bin" / "tsc", "--pretty", "false"],
        cwd=app,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said: dict[str, list[str]] = {}
    for file, what in re.findall(r"^(.+)\(\d+,\d+\): error (.+)$", ended.stdout, re.MULTILINE):
        said.setdefault(file, []).append(what)
    assert said, ended.stdout + ended.stderr
    yield Compiled(said)
    shutil.rmtree(zoom)


def test_its_right_use_compiles(compiled: Compiled) -> None:
    # Zoom's own types have errors of theirs.
    others = {file for file in compiled.said if "@zoom/meetingsdk" not in file}
    assert compiled.said.get("right.ts") is None
    assert others == {f"{name}.ts" for name in _WRONG}


@pytest.mark.parametrize("name", _WRONG)
def test_its_wrong_use_does_not_compile(compiled: Compiled, name: str) -> None:
    said = compiled.said.get(f"{name}.ts", [])
    assert [each.partition(":")[0] for each in said] == [_WRONG[name][1]], said


_ON_A_SERVER: Final = """\
const seen = () => JSON.stringify([Object.getOwnPropertyNames(globalThis).sort(), process.getActiveResourcesInfo()]);
const [before, fetch] = [seen(), globalThis.fetch];
const { configure, report, watchJoin, watchSignature } = await import("joinwatch-join-results");
const untouched = seen() === before && globalThis.fetch === fetch;

configure({ endpoint: "https://app.example.com/join-results" });
const received = { receipt: "opaque", signature: "x".repeat(99) };
const reply = new Response("{}", { headers: { "Join-Receipt": "opaque" } });
const zoom = { join: (options) => options.signature };
const joins = watchJoin(zoom);
report({ outcome: "failed", signature: received.signature, error: new Error("no window") });
console.log(JSON.stringify({
  untouched,
  reply: watchSignature(reply) === reply && (await reply.text()),
  received: watchSignature(received) === received,
  joined: joins.join({ signature: "as ever" }),
  nothing: [undefined, null, 1, "text"].map((each) => watchJoin(each) === each),
}));
"""


def test_without_a_window_it_does_nothing_and_breaks_nothing(app: Path) -> None:
    """On a server that renders pages. It ends by itself: nothing is left that would go on."""
    script = app / "server.mjs"
    script.write_text(_ON_A_SERVER, encoding="utf-8")
    ended = subprocess.run(
        [require("node"), script], cwd=app, capture_output=True, text=True, timeout=20, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout) == {
        "untouched": True,
        "reply": "{}",
        "received": True,
        "joined": "as ever",
        "nothing": [True] * 4,
    }


def test_a_bundle_takes_only_what_the_app_uses(app: Path, client: Path) -> None:
    def bundled(name: str, code: str) -> int:
        (app / f"{name}.mjs").write_text(code, encoding="utf-8")
        esbuild = client / "node_modules" / ".bin" / "esbuild"
        return len(run(esbuild, f"{name}.mjs", "--bundle", "--minify", "--format=esm", cwd=app))

    nothing = bundled("imports_nothing", f'import "{_PACKAGE}";')
    some = bundled("imports_report", f'import {{ report }} from "{_PACKAGE}"; report(globalThis.result);')
    everything = bundled("imports_all", f'import * as all from "{_PACKAGE}"; globalThis.all = all;')
    assert nothing == 0
    assert some < 0.8 * everything
