"""A signature endpoint with float times, like the script in Zoom devforum 70827, on http.server alone.

POST with a JSON body {"meetingNumber", "role"}. Its faults, on purpose: iat, exp and tokenExp are floats
("iat":1795280241.0); exp lies exactly 48 h after iat; appKey is the only key; without meetingNumber the token
is the native one of that script. The reply has neither a Content-Length nor the usual keys: HTTP/1.0, ended by
closing the connection.

The header X-Test-Now-Ms sets the time that the claims of one request are made of.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = os.environ["ZOOM_MEETING_SDK_KEY"]
SECRET = os.environ["ZOOM_MEETING_SDK_SECRET"]
HOUR_S = 3600


def encode(raw: bytes) -> str:
    """Base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def sign(asked: dict[str, object], now_s: float) -> str:
    """The token; mn and role only where they were asked for."""
    iat = float(int(now_s))
    claims = {key: asked[name] for key, name in (("mn", "meetingNumber"), ("role", "role")) if name in asked}
    payload = {"appKey": KEY, **claims, "iat": iat, "exp": iat + 48 * HOUR_S, "tokenExp": iat + 10 * HOUR_S}
    parts = [
        json.dumps(part, separators=(",", ":")).encode() for part in ({"typ": "JWT", "alg": "HS256"}, payload)
    ]
    signing_input = ".".join(map(encode, parts))
    mac = hmac.new(SECRET.encode(), signing_input.encode(), hashlib.sha256).digest()
    return f"{signing_input}.{encode(mac)}"


class Endpoint(BaseHTTPRequestHandler):
    """Answers POST; the base class speaks HTTP/1.0."""

    def do_POST(self) -> None:
        """Sign what the body asks for."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        driven = self.headers["X-Test-Now-Ms"]
        token = sign(asked, time.time() if driven is None else int(driven) / 1000)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps({"status": 1, "data": {"jwt_token": token}}).encode())

    def log_message(self, *_: object) -> None:
        """Standard error is for failures only."""


def main() -> None:
    """Serve on the port given as the only argument (0: any) until killed."""
    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Endpoint) as server:
        sys.stdout.write(f"listening on {server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
