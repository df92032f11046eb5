"""The prompt history and one prompt's page."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import push_url

from prompts import services
from prompts.exceptions import NotYourPrompt, PromptInFrozenSuite
from prompts.hearts import hearts
from prompts.models import Prompt, PromptSuite
from prompts.pages.found import RECENT_KEY, History, recent_searches
from prompts.wording.reading import read
from text2song.pages.confirm import confirm_page
from text2song.pages.requests import StudioRequest

PAGE_SIZE = 20


@require_safe
def prompt_list(request: StudioRequest) -> HttpResponse:
    """All prompts, the newest first; with words, the best match first. A wrong filter is named and finds nothing."""
    history = History(request)
    page = Paginator(history.found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "history": history,
        "page": page,
        "recent": recent_searches(request),
        "loosenings": history.loosenings() if history.is_valid and not page.paginator.count else [],
    }
    response = render(request, "prompts/list.html", context, status=200 if history.is_valid else 400)
    return push_url(response, history.address) if request.htmx else response


@require_POST
def clear_searches(request: StudioRequest) -> HttpResponse:
    """Forget this user's recent searches."""
    request.session.pop(RECENT_KEY, None)
    return redirect("prompts")


@require_safe
def prompt_detail(request: StudioRequest, prompt_id: uuid.UUID) -> HttpResponse:
    """Text, attributes, rendered text, and what apps above know of the prompt."""
    prompt = get_object_or_404(Prompt.objects.visible().with_author(), pk=prompt_id)
    context = {
        "prompt": prompt,
        "reading": read(prompt.rendered),
        "may_delete": services.may_delete_prompt(actor=request.user, prompt=prompt),
        "suites": prompt.suites.all(),
        "open_suites": PromptSuite.objects.open().exclude(prompts=prompt) if request.user.is_staff else [],
    }
    return render(request, "prompts/detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def prompt_delete(request: StudioRequest, prompt_id: uuid.UUID) -> HttpResponse:
    """Ask, naming what goes with it; then hide the prompt."""
    prompt = get_object_or_404(Prompt.objects.visible(), pk=prompt_id)
    if not services.may_delete_prompt(actor=request.user, prompt=prompt):
        raise PermissionDenied(NotYourPrompt().message)
    if request.method == "POST":
        try:
            services.delete_prompt(actor=request.user, prompt=prompt)
        except PromptInFrozenSuite as error:
            messages.error(request, error.message)
            return redirect("prompt-detail", prompt_id=prompt.pk)
        messages.success(request, gettext("The prompt is deleted."))
        return redirect("prompts")
    return confirm_page(
        request,
        title=gettext("Delete this prompt?"),
        text=gettext("“%(prompt)s” leaves the history. Samples made from it stay in the library.") % {"prompt": prompt},
        losses=_losses(prompt),
        confirm_label=gettext("Delete prompt"),
        cancel_url=reverse("prompt-detail", args=[prompt.pk]),
    )


def _losses(prompt: Prompt) -> list[str]:
    losses = [gettext("The prompt, in the history and in searches")]
    if count := hearts().on(prompt):
        losses.append(
            gettext("1 favourite on it") if count == 1 else gettext("%(count)s favourites on it") % {"count": count}
        )
    losses += [
        gettext("Its place in the suite “%(suite_name)s”") % {"suite_name": suite.name}
        for suite in prompt.suites.open()
    ]
    return losses
