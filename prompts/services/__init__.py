"""What people do with prompts, templates and suites. Pages, API, admin and commands call these.

Every function names its actor. Wrong values raise `ValidationError` with the fields at fault; everything else that
can go wrong is a `DomainError`.
"""

from prompts.services.prompts import (
    check_draft,
    create_prompt,
    delete_prompt,
    find_prompt,
    may_delete_prompt,
    restore_prompt,
)
from prompts.services.suites import add_prompts, create_suite, delete_suite, freeze_suite, remove_prompt, update_suite
from prompts.services.templates import (
    apply_template,
    delete_template,
    duplicate_template,
    find_template,
    may_edit_template,
    require_editable,
    save_template,
    update_template,
)

__all__ = [
    "add_prompts",
    "apply_template",
    "check_draft",
    "create_prompt",
    "create_suite",
    "delete_prompt",
    "delete_suite",
    "delete_template",
    "duplicate_template",
    "find_prompt",
    "find_template",
    "freeze_suite",
    "may_delete_prompt",
    "may_edit_template",
    "remove_prompt",
    "require_editable",
    "restore_prompt",
    "save_template",
    "update_suite",
    "update_template",
]
