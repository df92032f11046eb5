"""What can go wrong with prompts, in words for users. `code` is for machines, `status` for HTTP."""

from __future__ import annotations

from django.utils.translation import gettext, ngettext

from text2song.exceptions import Conflict, Forbidden, Refused


class SuiteIsFrozen(Conflict):
    code = "suite_frozen"

    def __init__(self, name: str) -> None:
        super().__init__(
            gettext("The suite “%(name)s” is frozen; its list of prompts can never change.") % {"name": name}
        )


class SuiteNameTaken(Conflict):
    code = "suite_name_taken"

    def __init__(self, name: str) -> None:
        message = gettext("There is already a suite named “%(name)s”. Choose another name.") % {"name": name}
        super().__init__(message, fields={"name": [message]})


class SuiteIsInUse(Conflict):
    code = "suite_in_use"

    def __init__(self, name: str) -> None:
        super().__init__(
            gettext("The suite “%(name)s” is used by a listening test, so it cannot be deleted.") % {"name": name}
        )


class PromptInFrozenSuite(Conflict):
    code = "prompt_in_frozen_suite"

    def __init__(self, suites: list[str]) -> None:
        names = ", ".join(f"“{name}”" for name in suites)
        message = ngettext(
            "This prompt belongs to the frozen suite %(names)s and cannot be deleted.",
            "This prompt belongs to the frozen suites %(names)s and cannot be deleted.",
            len(suites),
        )
        super().__init__(message % {"names": names})


class TemplateNameTaken(Conflict):
    code = "template_name_taken"

    def __init__(self, name: str) -> None:
        super().__init__(gettext("You already have a template named “%(name)s”. Choose another name.") % {"name": name})


class TooManyTemplates(Refused):
    code = "too_many_templates"

    def __init__(self, limit: int) -> None:
        super().__init__(
            gettext("You already own %(limit)s templates, which is the limit. Delete one first.") % {"limit": limit}
        )


class SystemTemplate(Forbidden):
    code = "system_template"

    def __init__(self) -> None:
        super().__init__(
            gettext("System templates can only be changed by curators, in the admin. Save a copy as your own.")
        )


class NotYourPrompt(Forbidden):
    code = "not_your_prompt"

    def __init__(self) -> None:
        super().__init__(gettext("Only the author of a prompt and curators can delete it."))


class OnlyCurators(Forbidden):
    code = "only_curators"

    def __init__(self) -> None:
        super().__init__(gettext("Only curators can change suites and bring prompts back."))


class UnknownPrompts(Refused):
    code = "unknown_prompts"

    def __init__(self, ids: list[str]) -> None:
        message = ngettext("Unknown or deleted prompt: %(ids)s.", "Unknown or deleted prompts: %(ids)s.", len(ids))
        message = message % {"ids": ", ".join(ids)}
        super().__init__(message, fields={"prompts": [message]})
