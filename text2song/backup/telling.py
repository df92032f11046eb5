"""What went wrong, in sentences for the terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError
from django.core.management.base import CommandError
from django.db import Error
from django.template.defaultfilters import filesizeformat

from text2song.exceptions import DomainError

INTERRUPTED = 130


@contextlib.contextmanager
def in_sentences(command: str) -> Iterator[None]:
    """Turn what may happen to `command` into `CommandError`s; what nobody expects stays a traceback."""
    again = f"\nRun `manage.py {command}` again to go on."
    try:
        yield
    except DomainError as error:
        raise CommandError(error.message) from error
    except (BotoCoreError, ClientError) as error:
        raise CommandError(f"The store did not answer as it should: {_line(error)}{again}") from error
    except Error as error:
        raise CommandError(f"The database did not answer as it should: {_line(error)}{again}") from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise CommandError(f"{where}{error.strerror or error}.{again}") from error
    except KeyboardInterrupt as error:
        raise CommandError(f"Stopped.{again}", returncode=INTERRUPTED) from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def size_of(size: int) -> str:
    """As in “1.5 GB”."""
    return filesizeformat(size).replace("\xa0", " ")
