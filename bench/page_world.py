"""What the page script is measured in: a joinwatch, a customer's server and its page, and a stand-in for the SDK."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from . import backend
from .children import running
from .world import CONFIG, LEDGER, ROOT, Joinwatch

WITHOUT: Final = "without"
WITH: Final = "with"
AGAIN: Final = "again"
VARIANTS: Final = (WITHOUT, WITH, AGAIN)
"""The same page without the script, with it, and without it once more: how far two of the same lie apart."""

_PAGE: Final = """\
<!doctype html>
<html>
<head>
<meta charset="utf-8" />
<title>Meeting</title>
<link rel="icon" href="data:," />
<link rel="stylesheet" href="page.css?{query}" />
{tag}<script src="page.js?{query}"></script>
</head>
<body><h1>Meeting</h1><button>Join</button></body>
</html>
"""
_STYLE: Final = "body { font: 16px sans-serif; margin: 2em } button { padding: 1em }\n"
_PAGE_SCRIPT: Final = """\
// Stands in for the SDK: notes when it is called, and refuses the join a moment later.
let entered, refused;
const failure = { method: "join", status: false, result: "Signature is invalid.", errorCode: 3712, errorMessage: "" };
window.ZoomMtg = {
  getWebSDKVersion: () => ["6.2.0", "6.2.0_stand-in", 1],
  join(options) {
    entered = performance.now();
    setTimeout(() => { refused = performance.now(); options.error({ ...failure }); });
  },
};

async function fetched(url, times) {
  const body = JSON.stringify({ meetingNumber: "98765432101", role: 0 });
  const taken = [];
  let signature;
  for (let time = 0; time < times; time++) {
    const began = performance.now();
    const reply = await fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    ({ signature } = await reply.json());
    taken.push(performance.now() - began);
    if (!signature) throw new Error(`no signature: ${reply.status}`);
  }
  return { signature, taken };
}

async function joined(signature, times) {
  const calling = [], handing = [];
  for (let time = 0; time < times; time++) {
    // As on a click: nothing else is under way.
    await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => {
      const error = () => { handing.push(performance.now() - refused); resolve(); };
      const options = { signature, meetingNumber: "98765432101", userName: "A Person", passWord: "secret", error };
      const called = performance.now();
      window.ZoomMtg.join(options);
      calling.push(entered - called);
    });
  }
  return { calling, handing };
}
"""


@contextmanager
def joinwatch(folder: Path, core: int) -> Iterator[Joinwatch]:
    """A real one, with its ledger in `folder`."""
    config = folder / "joinwatch.toml"
    config.write_text(CONFIG.format(client_id=backend.CLIENT_ID, port=9, ledger=LEDGER))
    env = {"PYTHONPATH": str(ROOT), "BENCH_SECRET": backend.CLIENT_SECRET}
    command = (sys.executable, "-m", "proxy", "serve", "--config", str(config))
    with running("joinwatch", command, core=core, folder=folder, env=env) as (child, log):
        yield Joinwatch(child, log, folder)


@contextmanager
def serving(public: str) -> Iterator[str]:
    """The customer's server, in a thread: its origin. The page is there once for each of VARIANTS.

    What it loads has the page's own query: with one that is new, nothing is cached.
    """
    tag = f'<script src="{public}/join-results.js?{{query}}"></script>\n'
    files = {"/page.css": ("text/css", _STYLE), "/page.js": ("text/javascript", _PAGE_SCRIPT)}

    def found(path: str, query: str) -> tuple[str, str]:
        if path.strip("/") in VARIANTS:
            page = _PAGE.replace("{tag}", tag if path == f"/{WITH}" else "")
            return "text/html", page.format(query=query)
        return files.get(path, ("", ""))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            kind, text = found(path, query)
            self.send_response(200 if kind else 404)
            self.send_header("Content-Type", f"{kind or 'text/plain'}; charset=utf-8")
            self.send_header("Content-Length", str(len(text.encode())))
            self.send_header("Cache-Control", "no-cache" if kind == "text/html" else "max-age=300")
            # Isolated pages are given a clock of 5 us instead of 100.
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
