"""Regular expressions in adapter_config.json, resolved into plain names before anything is kept.

peft takes expressions for the modules to change, to leave out, and for their ranks and alphas. Whoever sends a file
could make one that runs for hours, here and in everything that loads the adapter later. The tensors say which modules
there are, so each is asked once, within a time limit, and the answers are kept instead of the expressions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.utils.translation import gettext

from adapters.exceptions import AdapterFilesRefused

LONGEST = 1000
SECONDS = 1.0
"""For all modules together; ordinary expressions take milliseconds."""
ALL_LINEAR = "all-linear"


class Patterns:
    """Asks expressions of one configuration about names, `SECONDS` in all. Raises `AdapterFilesRefused`."""

    def __init__(self) -> None:
        self._end = time.monotonic() + SECONDS

    def matches(self, option: str, pattern: str, name: str) -> bool:
        """Whether `pattern`, of the configuration's `option`, is all of `name`."""
        import regex  # takes its time, and is needed when adapters arrive

        if len(pattern) > LONGEST:
            raise AdapterFilesRefused(
                gettext("%(option)s holds an expression of over %(longest)s characters.")
                % {"option": option, "longest": LONGEST}
            )
        try:
            left = max(self._end - time.monotonic(), 0.001)
            return regex.fullmatch(pattern, name, flags=regex.VERSION0, timeout=left) is not None
        except TimeoutError as error:
            raise AdapterFilesRefused(
                gettext("The expression in %(option)s takes too long to read; list the modules by name.")
                % {"option": option}
            ) from error
        except (regex.error, RecursionError, OverflowError, MemoryError) as error:
            raise AdapterFilesRefused(
                gettext("The expression in %(option)s is no regular expression.") % {"option": option}
            ) from error


def resolve(config: dict[str, Any], ranks: Mapping[str, int], is_plain: Callable[[str], bool]) -> dict[str, Any]:
    """`config` without expressions, for an adapter of modules with these `ranks`: what peft makes of it stays the same.

    `is_plain` tells names from expressions. Raises `AdapterFilesRefused` when the configuration says other modules or
    ranks than the tensors.
    """
    ask, resolved = Patterns(), dict(config)
    targets, excluded = config.get("target_modules"), config.get("exclude_modules")
    by_pattern = isinstance(targets, str) and targets.lower() != ALL_LINEAR
    if by_pattern or isinstance(excluded, str):
        for module in ranks:
            if not _targeted(ask, targets, module) or _excluded(ask, excluded, module):
                raise _other_modules(module)
        resolved["target_modules"] = sorted(ranks)
        resolved.pop("exclude_modules", None)
    for option in ("rank_pattern", "alpha_pattern"):
        pattern = config.get(option) or {}
        if not all(map(is_plain, pattern)):
            resolved[option] = dict(_each(ask, option, pattern, ranks))
    return resolved


def _targeted(ask: Patterns, targets: Any, module: str) -> bool:
    if isinstance(targets, str):
        return targets.lower() == ALL_LINEAR or ask.matches("target_modules", targets, module)
    return _named(targets, module)


def _excluded(ask: Patterns, excluded: Any, module: str) -> bool:
    if isinstance(excluded, str):
        return ask.matches("exclude_modules", excluded, module)
    return _named(excluded or (), module)


def _named(names: Iterable[str], module: str) -> bool:
    return any(module == name or module.endswith(f".{name}") for name in names)


def _each(ask: Patterns, option: str, pattern: Mapping[str, Any], modules: Iterable[str]) -> Iterable[tuple[str, Any]]:
    """What `pattern` says of each module it concerns: the first expression that is its name, or the end of it."""
    for module in modules:
        for expression, value in pattern.items():
            if ask.matches(option, rf"(.*\.)?({expression})", module):
                yield module, value
                break


def _other_modules(module: str) -> AdapterFilesRefused:
    return AdapterFilesRefused(
        gettext("The adapter's weights change “%(module)s”, which its target_modules and exclude_modules leave out.")
        % {"module": module[:120]}
    )
