"""What can go wrong with prompts, in words for users. `code` is for machines, `status` for HTTP."""

from __future__ import annotations

from text2song.exceptions import Conflict, Forbidden, Refused


class SuiteIsFrozen(Conflict):
    code = "suite_frozen"

    def __init__(self, name: str) -> None:
        super().__init__(f"The suite “{name}” is frozen; its list of prompts can never change.")


class PromptInFrozenSuite(Conflict):
    code = "prompt_in_frozen_suite"

    def __init__(self, suites: list[str]) -> None:
        super().__init__(f"This prompt belongs to the frozen suite {', '.join(suites)} and cannot be deleted.")


class TemplateNameTaken(Conflict):
    code = "template_name_taken"

    def __init__(self, name: str) -> None:
        super().__init__(f"You already have a template named “{name}”. Choose another name.")


class TooManyTemplates(Refused):
    code = "too_many_templates"

    def __init__(self, limit: int) -> None:
        super().__init__(f"You already own {limit} templates, which is the limit. Delete one first.")


class SystemTemplate(Forbidden):
    code = "system_template"

    def __init__(self) -> None:
        super().__init__("System templates can only be changed by curators, in the admin. Save a copy as your own.")
