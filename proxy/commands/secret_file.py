"""A client secret from a file that the command line names."""

from __future__ import annotations

from pathlib import Path

from ..domain.secret import Secret
from ..settings.problems import Wrong
from ..settings.secret_sources import MAX_FILE, check_plain


class Unreadable(Exception):
    """The file gives no secret; the message says why and how to mend it, and never shows what is in it."""


def read_secret(file: Path) -> Secret:
    """The secret in a file, without the line end at its end. Raises Unreadable."""
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            raise Wrong(f"is over {MAX_FILE} bytes", "name the right file")
        return Secret(check_plain(data.decode("utf-8-sig").rstrip("\r\n")))
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise Unreadable(f"{file} cannot be read ({reason}); create it readable for you") from None
    except UnicodeDecodeError:
        raise Unreadable(f"{file} is not UTF-8 text; write it as plain text") from None
    except Wrong as wrong:
        raise Unreadable(f"{file} {wrong.what}; {wrong.mend}") from None
