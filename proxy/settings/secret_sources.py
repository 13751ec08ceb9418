"""Reading secrets from the variables and files that a configuration names, without ever showing one in a problem."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..domain.receipt import decode_key
from ..domain.secret import Secret
from .problems import Problems, Wrong

MAX_FILE = 65536
"""Bytes; a file of keys is far smaller."""


@dataclass(frozen=True, slots=True)
class SecretSources:
    """Where the configured names point: the process's variables, and files relative to `base_dir`."""

    environ: Mapping[str, str]
    base_dir: Path
    problems: Problems

    def variable(self, path: str, name: str) -> str | None:
        """A variable's text without line ends at its end, or None after noting why it cannot be had."""
        text = self.environ.get(name)
        if text is None:
            # People put the secret itself there; only what is spelt like a variable is safe to repeat.
            plain = re.fullmatch(r"[A-Z_][A-Z0-9_]{0,63}", name)
            what = f"the environment variable {name}, which" if plain else "an environment variable that"
            self.problems.add(path, f"names {what} is not set", "set it, or name another one")
            return None
        return text.rstrip("\r\n")

    def file(self, path: str, name: str) -> str | None:
        """A file's text without line ends at its end, or None after noting why it cannot be had."""
        plain = re.search(r"[./\\]", name) and "://" not in name
        what = f"the file {name}, which" if plain else "a file that"
        try:
            with (self.base_dir / name).open("rb") as opened:
                data = opened.read(MAX_FILE + 1)
            if len(data) <= MAX_FILE:
                return data.decode("utf-8-sig").rstrip("\r\n")
            self.problems.add(path, f"names {what} is over {MAX_FILE} bytes", "name the right file")
        except UnicodeDecodeError:
            self.problems.add(path, f"names {what} is not UTF-8 text", "write it as plain text")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a file name"
            self.problems.add(
                path,
                f"names {what} cannot be read ({reason.lower()})",
                "create it readable for joinwatch; a relative path starts at the configuration file's folder",
            )
        return None

    def secret(self, path: str, way: str, name: str) -> Secret | None:
        """A checked secret; `way` is "env" or "file"."""
        text = self.variable(path, name) if way == "env" else self.file(path, name)
        checked = None if text is None else self.problems.attempt(path, check_plain, text)
        return None if checked is None else Secret(checked)


def check_plain(text: str) -> str:
    """The text itself when nothing about it looks damaged. Raises Wrong, which never shows it."""
    if not text.strip():
        raise Wrong("gives an empty value", "put the value there")
    if any(c.isspace() for c in text):
        raise Wrong(
            "gives a value with white space in it", "remove spaces, tabs and line ends from the value"
        )
    if set(text) & set("\"'`"):
        raise Wrong("gives a value with quotation marks in it", "remove the quotation marks from the value")
    if not (text.isascii() and text.isprintable()):
        raise Wrong("gives a value with characters that are not plain ASCII", "copy the value anew")
    return text


def split_keys(text: str) -> list[str]:
    """The entries of a list of keys: one a line, or comma separated."""
    return [entry for entry in re.split(r"[\s,]+", text) if entry]


def check_receipt_key(text: str) -> Secret:
    """A receipt key: 32 bytes in URL-safe base64 with padding, 44 characters. Raises Wrong, which never shows it."""
    try:
        decode_key(text)
    except ValueError:
        raise Wrong(
            "is not 32 bytes in URL-safe base64 (44 characters)",
            "make one with: python -m proxy new-key",
        ) from None
    return Secret(text)
