"""What is set on the Create page, in one line."""

from __future__ import annotations

from django.utils.translation import gettext as _

from generation.models import GenerationJob
from generation.pages.forms import GenerationForm


def settings_line(form: GenerationForm) -> str:
    """As it stands in the form, right or wrong: "Balanced · 4 × 8 s · studio-tiny · no adapter"."""
    preset = GenerationJob.Preset(form.preset_now).label
    model = form.chosen_model
    parts = [str(preset), _length(form), model.display_name if model else "", _adapter(form), _taste(form), _seed(form)]
    return " · ".join(part for part in parts if part)


def _length(form: GenerationForm) -> str:
    made, seconds = _typed(form, "num_samples"), _typed(form, "duration")
    if form.picked:
        return _("best %(kept)s of %(made)s × %(seconds)s s") % {
            "kept": form.picked[1],
            "made": made,
            "seconds": seconds,
        }
    return _("%(made)s × %(seconds)s s") % {"made": made, "seconds": seconds}


def _adapter(form: GenerationForm) -> str:
    adapter = form.fields["adapter"].widget.offered.get(_typed(form, "adapter"))
    if adapter is None:
        return _("no adapter")
    strength = _typed(form, "adapter_strength")
    if strength in ("1", "1.0", "–"):
        return adapter.label
    return _("%(adapter)s at %(strength)s") % {"adapter": adapter.label, "strength": strength}


def _taste(form: GenerationForm) -> str:
    taste = form.fields["taste"].widget.offered.get(_typed(form, "taste"))
    return _("picked by %(taste)s") % {"taste": taste.name} if taste else ""


def _seed(form: GenerationForm) -> str:
    seed = _typed(form, "seed")
    return "" if seed == "–" else _("seed %(seed)s") % {"seed": seed}


def _typed(form: GenerationForm, name: str) -> str:
    """What stands in a field, cut to what fits; a dash where nothing does."""
    value = form[name].value()
    return str("" if value is None else value).strip()[:40] or "–"
