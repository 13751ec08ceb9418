"""Why a request of a probe brought no signature, and how to mend it: in words that hold nothing of the reply's body."""

from __future__ import annotations

from typing import Final

from ..domain.ports import BackendError, Headers, Reply, header
from ..telemetry.outcomes import SignatureOutcome

_MENDS: Final = {
    401: "send what it asks for with --header",
    403: "send what it asks for with --header",
    404: "check the path of the URL",
    405: "give the method that pages use with --method",
    415: "give the body that pages send with --body, and its Content-Type with --header",
    429: "it limits requests: raise --every",
}


def without_signature(reply: Reply, outcome: SignatureOutcome) -> tuple[str, str]:
    """What came instead, and how to mend it: never the body, nor the Location, which may hold a token."""
    status = reply.status
    came = f"status {status}, {_content_type(reply.headers)}, {_length(reply)}"
    if 300 <= status < 400:
        return f"status {status}", f"{came}; redirects are not followed: probe the URL that it leads to"
    if status >= 400:
        usual = "look into its log" if status >= 500 else "check --method and --body"
        return f"status {status}", f"{came}; {_MENDS.get(status, usual)}"
    if outcome is SignatureOutcome.UNOBSERVED:
        return "reply not read", f"{came}; it is an event stream, too large, or in an unknown coding"
    return "no signature", f"{came}, and no signature in it; check the URL, --method and --body"


def no_answer(error: BackendError, name: str) -> str:
    """The message of a backend that is configured as `name` in a file, in the words of a command."""
    text = str(error).removeprefix(f'backend "{name}": ')
    return text.replace(f"backends.{name}.url", "the URL").replace(
        f"backends.{name}.tls_ca", "SSL_CERT_FILE to its authority"
    )


def _content_type(headers: Headers) -> str:
    text = header(headers, "content-type")
    if text is None:
        return "no Content-Type"
    media = text.partition(";")[0].strip()  # Parameters are anything's place, a token's too.
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in media[:80])


def _length(reply: Reply) -> str:
    count = len(reply.body)
    return f"{'over ' if reply.rest is not None else ''}{count} byte{'' if count == 1 else 's'}"
