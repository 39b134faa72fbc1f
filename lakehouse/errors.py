"""Errors whose text is for the person who meets them: what happened, and the cure."""


class LakehouseError(Exception):
    """Base of every error that a command line turns into one sentence and an exit code.

    The tree, split by whose fault it is::

        LakehouseError
        ├── DataError          1  the data is not as promised
        ├── UsageError         2  wrong use or wrong settings
        │   └── DeclarationError  a declared table, event or rule contradicts itself
        └── OutsideError       3  Kafka, a disk, the MLflow store or Java failed
    """

    exit_code = 3

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def _render_traceback_(self) -> list[str]:
        # IPython shows this in place of a stack trace: in a notebook, too, an error is one sentence.
        return [str(self)]


class DataError(LakehouseError):
    """The data is not as promised: a check failed, or there is nothing to learn from."""

    exit_code = 1


class UsageError(LakehouseError):
    """The command, an option or a setting is wrong."""

    exit_code = 2


class DeclarationError(UsageError):
    """A declaration contradicts itself; raised while it is imported."""


class OutsideError(LakehouseError):
    """Something that this program depends on failed: a broker, a disk, a store."""

    exit_code = 3


class StoppedError(BaseException):
    """Told to stop where nobody looks for it; no error that anyone may catch in passing."""
