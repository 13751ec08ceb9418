"""What can go wrong between an HTTP backend and us, in words that say how to mend it; nothing that the backend sent."""

from __future__ import annotations

import aiohttp
from aiohttp.http_exceptions import LineTooLong

from ..domain.ports import BackendError


def explain(name: str, where: str, error: Exception) -> BackendError:
    """The error of one attempt. `where` is the backend's host:port.

    Retryable only where the connection could not be made, or ended before a byte of an answer. (After a reset it is
    not known whether half a status line had come; that is no answer either.)
    """
    key = f"backends.{name}"
    retryable = False
    match error:
        case aiohttp.ClientConnectorCertificateError():
            reason = getattr(error.certificate_error, "verify_message", "") or "verification failed"
            message = f"the certificate of {where} is not trusted ({reason}); renew it, or set {key}.tls_ca"
            retryable = True
        case aiohttp.ClientSSLError():
            message = f"no TLS connection with {where}; check that it speaks HTTPS, or correct {key}.url"
            retryable = True
        case aiohttp.ClientConnectorDNSError():
            message = f"the host name of {where} cannot be resolved; correct {key}.url or the name server"
            retryable = True
        case aiohttp.ClientConnectorError():
            reason = error.os_error.strerror or type(error.os_error).__name__
            message = f"nothing answers at {where} ({reason}); start it, or correct {key}.url"
            retryable = True
        case aiohttp.ServerDisconnectedError() if isinstance(error.message, str):
            message = f"{where} closed the connection without an answer; look into its log"
            retryable = True
        case aiohttp.ServerDisconnectedError():
            message = f"{where} closed the connection within the head of its answer; look into its log"
        case aiohttp.ClientOSError():
            message = f"the connection to {where} broke before an answer; look into its log"
            retryable = True
        case aiohttp.ClientPayloadError():
            message = f"{where} broke off within the body of its answer, or garbled it; look into its log"
        case aiohttp.ClientResponseError() if _caused_by(error, LineTooLong):
            message = f"{where} answered with a header field over 64 KiB; make it shorter"
        case aiohttp.ClientResponseError():
            message = f"the answer of {where} is not well-formed HTTP/1.1; check what it sends, and {key}.url"
        case _:
            message = f"the request to {where} failed ({type(error).__name__}); check {key}.url"
    return BackendError(f'backend "{name}": {message}', retryable=retryable)


def _caused_by(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None and not isinstance(error, kind):
        error = error.__cause__
    return error is not None
