"""Several who do something at the same moment, each with a connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connections


def at_once(work: Callable[[Any], Any], arguments: Sequence[Any]) -> list[Any]:
    """Run `work` for all arguments in threads that start together; returns what each returned or raised."""
    gate = threading.Barrier(len(arguments))
    answers: list[Any] = [None] * len(arguments)

    def run(index: int, argument: Any) -> None:
        try:
            gate.wait(timeout=60)
            answers[index] = work(argument)
        except Exception as error:
            answers[index] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(arguments)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)
    return answers
