"""A value that no repr, log line or serialiser shows by accident."""

from __future__ import annotations

from typing import Final, NoReturn


class Secret:
    """A secret string: only `reveal()` gives it out.

    Not a dataclass, so that `dataclasses.asdict` of a record that holds one keeps the wrapper.
    """

    __slots__ = ("_value",)
    _value: Final[str]

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself, for the one place that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __str__(self) -> str:
        return "…"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not serialised: hand over what was derived from it instead")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Secret:
        return self
