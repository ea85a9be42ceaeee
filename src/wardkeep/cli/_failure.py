"""The one error that commands raise themselves."""

from typing import Final


class CommandFailed(Exception):  # noqa: N818 - named for the state found
    """A command could not do what was asked. Whoever typed it does what `fix` says."""

    def __init__(self, code: str, *, what: str, why: str = "", fix: str = "") -> None:
        super().__init__(f"{what} {why} {fix}")
        self.code: Final = code
        self.what: Final = what
        self.why: Final = why
        self.fix: Final = fix
