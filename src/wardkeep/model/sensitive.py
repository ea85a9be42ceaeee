"""Types for values that must never reach a log line, an error text, a metric or a test name.

Both types show nothing when printed, formatted, logged or pickled, so that a careless `f"{value}"` leaks a constant.
Reading the content is a deliberate act: call `reveal()`.
"""

from typing import Final, Generic, NoReturn, TypeVar

T = TypeVar("T", str, bytes)

_HIDDEN: Final = "<hidden>"


class _Hidden(Generic[T]):
    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value: T = value

    def reveal(self) -> T:
        """Return the content. Whoever calls this answers for where it goes next."""
        return self._value

    def __repr__(self) -> str:
        return _HIDDEN

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return _HIDDEN

    def __reduce__(self) -> NoReturn:
        raise TypeError("sensitive values are not pickled")


class Secret(_Hidden[T]):
    """A credential or key. Whoever holds it can act as its owner."""


class Phi(_Hidden[T]):
    """Text that identifies, or may identify, a patient (45 CFR 160.103)."""
