"""Errors in what a person asked for, told in a sentence and not as a traceback."""

import contextlib
from collections.abc import Iterator

from absl import app


@contextlib.contextmanager
def usage_errors(
    kinds: type[Exception] | tuple[type[Exception], ...] = (ValueError, OSError),
) -> Iterator[None]:
    """Makes errors of a block those of a program's usage.

    For what reads flags and files before the work begins: an error of the work itself
    is one whose traceback is of use.

    Args:
      kinds: of the errors; those of files that are missing are OSErrors.
    """
    try:
        yield
    except kinds as error:
        raise app.UsageError(str(error)) from error
