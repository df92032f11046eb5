"""Testing adapters for promotion, and what they are tested on."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from adapters.models import Adapter
from text2song.exceptions import DomainError, Forbidden
from text2song.pages.forms import add_refusal
from text2song.pages.requests import StudioRequest
from training.promotion.pages.forms import PromotionPolicyForm
from training.promotion.services import current_policy, open_promotion, set_policy


@require_http_methods(["GET", "HEAD", "POST"])
def policy(request: StudioRequest) -> HttpResponse:
    """The suite and the votes of tests opened from now on; curators choose, everyone reads."""
    current = current_policy()
    form = PromotionPolicyForm(request.POST if request.method == "POST" else None, instance=current)
    if request.method == "POST":
        if not request.user.is_staff:
            raise PermissionDenied(gettext("Only curators choose what new adapters are tested on."))
        if form.is_valid():
            try:
                set_policy(actor=request.user, **form.cleaned_data)
            except (DomainError, ValidationError) as error:
                add_refusal(form, error)
            else:
                messages.success(request, gettext("Tests opened from now on go by this."))
                return redirect("promotion-policy")
    context = {"form": form, "policy": current}
    return render(request, "training/promotion_policy.html", context, status=400 if form.errors else 200)


@require_POST
def open_test(request: StudioRequest, adapter_id: UUID) -> HttpResponse:
    """Test an adapter against what it goes on from."""
    adapter = get_object_or_404(Adapter.objects.visible().with_context(), pk=adapter_id)
    try:
        promotion = open_promotion(adapter=adapter, actor=request.user)
        messages.success(
            request,
            gettext("A blind test against %(opponent_name)s is open.") % {"opponent_name": promotion.opponent_name},
        )
    except Forbidden as error:
        raise PermissionDenied(error.message) from error
    except DomainError as error:
        messages.error(request, error.message)
    return redirect("adapter-detail", adapter_id=adapter.pk)
