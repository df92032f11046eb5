"""What schemathesis asks beside its own checks; it loads this file by `SCHEMATHESIS_HOOKS`.

What fits the schema is accepted, or refused by a rule that a schema cannot say: of what exists, of values that do not
fit each other, of what this machine has. Those rules are listed, and their sentences alone excuse a refusal.
"""

from __future__ import annotations

import re

import schemathesis
from schemathesis.generation import GenerationMode

RULES = re.compile(
    "|".join(
        (
            # what exists
            r"[Tt]here is no(thing)? |does not exist|Unknown or deleted prompt|No fetch of",
            # what no database stores, and what cannot be seen
            r"NUL|[Nn]ull characters|control characters|cannot be stored|surrogate",
            r"Write what you want to hear|may not be blank|has no letters|Say something|Write the note",
            r"A tag |A version is",
            # values that do not fit each other
            r"Primary and secondary at once|Each instrument can be named once|belongs to a new text",
            r"A job of kind|prefix_seconds must be|source sample was made with|is over the .* limit",
            r"is below the lowest|is before the first|required and excluded at once|ratings do not filter it",
            r"config names another method|can be extended by|Keep between|no more than once|different samples",
            r"Send name, sign or is_curated|Add at least one prompt|2 to 10 samples|2 to 5 runs|must name 1 to 100",
            r"must be (above|at least|below|no)|overlap|to itself|same prompt|twice|only with a winner|Compare 2",
            # what this machine has
            r"adapter_config\.json|is this no|zip archive|files of|not on this machine|is not a folder|absolute path",
            r"nothing fits|No (clip|pair|rating|comparison)|is not active|must be frozen|not frozen",
        )
    )
)


@schemathesis.check
def refused_by_a_rule_only(ctx: object, response: schemathesis.Response, case: schemathesis.Case) -> None:
    """A 400 to what the schema allows names a rule for every field at fault."""
    generated = case.meta.generation if case.meta else None
    if response.status_code != 400 or generated is None or generated.mode != GenerationMode.POSITIVE:
        return
    answer = response.json()
    said = [message for messages in answer.get("fields", {}).values() for message in messages] or [answer["detail"]]
    unexcused = [message for message in said if not RULES.search(message)]
    assert not unexcused, f"the schema allows what the API refuses: {unexcused}"
