"""What a training run can be told.

`TrainingConfig` is the one place where a setting of training is named, bounded and explained: the command's options,
the form, the API's schema and the documentation are generated from its fields.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from enum import StrEnum
from typing import Any, get_type_hints

from generation.specs import SamplingSpec
from training.texts import gettext, gettext_noop

MAX_SEED = MAX_COUNT = 2**31 - 1
"""The largest whole numbers that every part, the database too, can hold."""


class Method(StrEnum):
    """How an adapter is trained."""

    SFT = "sft"
    DPO = "dpo"
    KTO = "kto"
    RANKING = "ranking"


class DpoLoss(StrEnum):
    """Forms of the DPO loss: sigmoid (Rafailov et al., 2023), hinge (Zhao et al., 2023), IPO (Azar et al., 2023)."""

    SIGMOID = "sigmoid"
    HINGE = "hinge"
    IPO = "ipo"


class RankingLoss(StrEnum):
    """Forms of the ranking loss: Plackett-Luce likelihood of the order, or a margin between neighbours."""

    PLACKETT_LUCE = "plackett_luce"
    MARGIN = "margin"


class Group(StrEnum):
    """Settings that belong together, in the order they are shown."""

    LORA = "LoRA"
    TRAINING = gettext_noop("Training")
    PREFERENCES = gettext_noop("Preferences")
    HARDWARE = gettext_noop("Hardware")
    CHECKPOINTING = gettext_noop("Checkpointing")


class InvalidConfig(ValueError):
    """A configuration that cannot be trained with; `problems` maps a field to what is wrong with it."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = problems


def setting(
    default: Any,
    group: Group,
    label: str,
    explanation: str,
    *,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
    methods: tuple[Method, ...] = tuple(Method),
) -> Any:
    """A field of `TrainingConfig` and its range; `methods` are those it matters to.

    `low` and `high` belong to the range, `above` and `below` are just outside it.
    """
    bounds = {"low": low, "high": high, "above": above, "below": below}
    facts = {"group": group, "label": label, "explanation": explanation, "methods": methods}
    return field(default=default, metadata=facts | bounds)


def range_in_words(facts: Mapping[str, Any]) -> str:
    """As in "from 4 to 128", "above 0, at most 0.01"; empty without bounds."""
    low, high, above, below = (facts[name] for name in ("low", "high", "above", "below"))
    if low is not None and high is not None:
        return gettext("from %(low)s to %(high)s") % {"low": f"{low:g}", "high": f"{high:g}"}
    parts = [
        f"{words} {bound:g}"
        for words, bound in (
            (gettext("above"), above),
            (gettext("at least"), low),
            (gettext("at most"), high),
            (gettext("below"), below),
        )
        if bound is not None
    ]
    return ", ".join(parts)


def purpose(facts: Mapping[str, Any]) -> str:
    """What a setting is for, and its range."""
    words = range_in_words(facts)
    explanation = gettext(facts["explanation"])
    return (
        gettext("%(explanation)s %(range)s.") % {"explanation": explanation, "range": words.capitalize()}
        if words
        else explanation
    )


PREFERENCE = (Method.DPO, Method.KTO, Method.RANKING)
ATTENTION_LAYERS, FEED_FORWARD_LAYERS = ("q_proj", "k_proj", "v_proj", "out_proj"), ("fc1", "fc2")
TARGET_MODULES = ATTENTION_LAYERS + FEED_FORWARD_LAYERS


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Everything a run can be told. Raises `InvalidConfig` naming every field out of its range."""

    method: Method = setting(
        Method.DPO,
        Group.TRAINING,
        gettext_noop("Method"),
        gettext_noop("sft imitates liked clips; dpo, kto and ranking learn from what was preferred."),
    )
    dpo_loss: DpoLoss = setting(
        DpoLoss.SIGMOID,
        Group.PREFERENCES,
        gettext_noop("DPO loss"),
        gettext_noop(
            "sigmoid is the usual one; hinge stops at a margin; ipo resists overfitting when votes are unanimous."
        ),
        methods=(Method.DPO,),
    )
    ranking_loss: RankingLoss = setting(
        RankingLoss.PLACKETT_LUCE,
        Group.PREFERENCES,
        gettext_noop("Ranking loss"),
        gettext_noop("plackett_luce explains the whole order; margin only asks that each clip beats the next."),
        methods=(Method.RANKING,),
    )
    beta: float = setting(
        0.1,
        Group.PREFERENCES,
        gettext_noop("Beta"),
        gettext_noop("How strongly the adapter is tied to its base: larger stays closer. Usual: 0.05 to 0.5."),
        above=0.0,
        high=1.0,
        methods=PREFERENCE,
    )
    label_smoothing: float = setting(
        0.0,
        Group.PREFERENCES,
        gettext_noop("Label smoothing"),
        gettext_noop("Share of votes assumed to be mistakes. 0 trusts every vote; 0.1 suits noisy raters."),
        low=0.0,
        below=0.5,
        methods=(Method.DPO,),
    )
    sft_weight: float = setting(
        0.0,
        Group.PREFERENCES,
        gettext_noop("SFT term"),
        gettext_noop(
            "Weight of also imitating the chosen clip; keeps it from growing less likely together "
            "with the rejected one."
        ),
        low=0.0,
        high=10.0,
        methods=(Method.DPO,),
    )
    desirable_weight: float = setting(
        1.0,
        Group.PREFERENCES,
        gettext_noop("Desirable weight"),
        gettext_noop(
            "How much a clip rated good counts. Where bad ones are more, raise it until both sides count alike."
        ),
        above=0.0,
        high=100.0,
        methods=(Method.KTO,),
    )
    undesirable_weight: float = setting(
        1.0,
        Group.PREFERENCES,
        gettext_noop("Undesirable weight"),
        gettext_noop("How much a clip rated bad counts."),
        above=0.0,
        high=100.0,
        methods=(Method.KTO,),
    )
    lora_r: int = setting(
        16,
        Group.LORA,
        gettext_noop("LoRA rank (r)"),
        gettext_noop("Size of the adapter: larger can learn more, and overfit more."),
        low=4,
        high=128,
    )
    lora_alpha: float = setting(
        32.0,
        Group.LORA,
        gettext_noop("LoRA alpha"),
        gettext_noop("Scale of the adapter's effect; usually twice the rank."),
        low=1.0,
        high=256.0,
    )
    lora_dropout: float = setting(
        0.05,
        Group.LORA,
        gettext_noop("LoRA dropout"),
        gettext_noop("Share of the adapter's inputs dropped while training; more resists overfitting."),
        low=0.0,
        below=1.0,
    )
    target_modules: tuple[str, ...] = setting(
        TARGET_MODULES,
        Group.LORA,
        gettext_noop("Target modules"),
        gettext_noop(
            "The decoder's layers that get an adapter: q_proj, k_proj, v_proj and out_proj are "
            "attention (recommended), fc1 and fc2 the feed-forward layers."
        ),
    )
    learning_rate: float = setting(
        1e-4,
        Group.TRAINING,
        gettext_noop("Learning rate"),
        gettext_noop("The peak rate: too high forgets the base model, too low learns nothing. Usual: 5e-5 to 1e-3."),
        above=0.0,
        high=0.01,
    )
    epochs: int = setting(
        3, Group.TRAINING, gettext_noop("Epochs"), gettext_noop("Passes over the training items."), low=1, high=100
    )
    max_steps: int = setting(
        0,
        Group.TRAINING,
        gettext_noop("Steps"),
        gettext_noop("Optimizer steps to make instead of whole epochs; 0 goes by epochs."),
        low=0,
    )
    batch_size: int = setting(
        2,
        Group.TRAINING,
        gettext_noop("Batch size"),
        gettext_noop("Items per forward pass: the first thing to lower when memory runs out."),
        low=1,
        high=32,
    )
    gradient_accumulation_steps: int = setting(
        4,
        Group.TRAINING,
        gettext_noop("Accumulation"),
        gettext_noop("Batches per optimizer step: the effect of a large batch in little memory."),
        low=1,
        high=64,
    )
    warmup_steps: int = setting(
        100,
        Group.TRAINING,
        gettext_noop("Warm-up"),
        gettext_noop("Steps over which the rate rises, at most a tenth of the run; a cosine takes it down again."),
        low=0,
    )
    weight_decay: float = setting(
        0.01,
        Group.TRAINING,
        gettext_noop("Weight decay"),
        gettext_noop("Pulls the adapter towards no effect."),
        low=0.0,
        high=1.0,
    )
    max_grad_norm: float = setting(
        1.0,
        Group.TRAINING,
        gettext_noop("Gradient clipping"),
        gettext_noop("Longest gradient let through."),
        above=0.0,
        high=1000.0,
    )
    guidance_scale: float = setting(
        1.0,
        Group.TRAINING,
        gettext_noop("Guidance"),
        gettext_noop(
            "Guidance scale of the sampler that is trained; twice the time unless 1. To imitate "
            "clips (sft), give all four settings of the sampler that made them; otherwise the "
            "adapter learns the sampler, too."
        ),
        low=0.0,
        high=20.0,
    )
    temperature: float = setting(
        1.0,
        Group.TRAINING,
        gettext_noop("Temperature"),
        gettext_noop("Temperature of the sampler that is trained."),
        low=0.1,
        high=2.0,
    )
    top_k: int = setting(
        0, Group.TRAINING, "Top-k", gettext_noop("Top-k of the sampler that is trained; 0 is off."), low=0
    )
    top_p: float = setting(
        0.0, Group.TRAINING, "Top-p", gettext_noop("Top-p of the sampler that is trained; 0 is off."), low=0.0, high=1.0
    )
    max_frames: int = setting(
        1500,
        Group.TRAINING,
        gettext_noop("Longest clip"),
        gettext_noop(
            "Codec frames of each clip that are used (50 a second): the second thing to lower when memory runs out."
        ),
        low=10,
    )
    eval_steps: int = setting(
        0,
        Group.CHECKPOINTING,
        gettext_noop("Evaluate every"),
        gettext_noop("Steps between evaluations on the validation split; 0 makes eight of them, however long the run."),
        low=0,
    )
    early_stopping_patience: int = setting(
        3,
        Group.CHECKPOINTING,
        gettext_noop("Patience"),
        gettext_noop("Evaluations without improvement before the run stops; 0 never stops early."),
        low=0,
    )
    early_stopping_threshold: float = setting(
        0.01,
        Group.CHECKPOINTING,
        gettext_noop("Threshold"),
        gettext_noop(
            "How much lower the validation loss must be for patience to begin anew. Which checkpoint "
            "is the best does not depend on it."
        ),
        low=0.0,
        high=100.0,
    )
    max_kl: float = setting(
        0.0,
        Group.CHECKPOINTING,
        gettext_noop("Most drift"),
        gettext_noop(
            "The run ends once clips of the dataset are so much less likely than before it, in nats "
            "per code: the KL divergence from where it began, so how much it changes what is made; 0 "
            "sets no limit (dpo, kto, ranking)."
        ),
        low=0.0,
        high=100.0,
    )
    guard_clips: int = setting(
        0,
        Group.CHECKPOINTING,
        gettext_noop("Clips for its strength"),
        gettext_noop(
            "So many clips are made with the adapter and without it, on texts it was trained on: "
            "where they are noisier, lose the tempo or are more alike, the adapter is taken back "
            "towards where the run began, in proportion. 0 keeps all that it learned."
        ),
        low=0,
        high=1000,
    )
    only_if_better: bool = setting(
        True,
        Group.CHECKPOINTING,
        gettext_noop("Only if better"),
        gettext_noop(
            "Offer the checkpoint with the lowest validation loss, and none if that is no lower than "
            "without training. Otherwise the last checkpoint is offered, and a blind test alone "
            "tells whether it is better."
        ),
    )
    save_steps: int = setting(
        500, Group.CHECKPOINTING, gettext_noop("Checkpoint every"), gettext_noop("Steps between checkpoints."), low=1
    )
    save_total_limit: int = setting(
        3,
        Group.CHECKPOINTING,
        gettext_noop("Checkpoints kept"),
        gettext_noop("Newest checkpoints kept; the best one stays beside them."),
        low=1,
    )
    mixed_precision: bool = setting(
        True,
        Group.HARDWARE,
        gettext_noop("Mixed precision"),
        gettext_noop("Compute in bfloat16 on hardware that has it; without it nothing changes."),
    )
    seed: int = setting(
        0,
        Group.TRAINING,
        gettext_noop("Seed"),
        gettext_noop("The same seed, data and machine give the same adapter."),
        low=0,
        high=MAX_SEED,
    )

    def __post_init__(self) -> None:
        problems = {spec.name: problem for spec in fields(self) if (problem := self._problem(spec))}
        if problems:
            raise InvalidConfig(problems)

    def _problem(self, spec: Field[Any]) -> str:
        value, facts = getattr(self, spec.name), spec.metadata
        if spec.name == "target_modules":
            unknown = [name for name in value if name not in TARGET_MODULES]
            known = ", ".join(TARGET_MODULES)
            return (
                ""
                if value and not unknown
                else gettext("%(label)s: name one or more of %(known)s.")
                % {"label": gettext(facts["label"]), "known": known}
            )
        words = range_in_words(facts)
        if words and not _within(value, facts):
            return gettext("%(label)s must be %(words)s, not %(value)s.") % {
                "label": gettext(facts["label"]),
                "words": words,
                "value": f"{value:g}",
            }
        return ""

    @property
    def sampling(self) -> SamplingSpec:
        """The sampler whose log-probabilities are trained."""
        return SamplingSpec(self.temperature, self.top_k, self.top_p, self.guidance_scale)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> TrainingConfig:
        """A configuration from JSON values; an unknown name or a value of the wrong kind is refused by name."""
        kinds = get_type_hints(cls)
        problems = {
            str(name): gettext("There is no setting “%(value)s”.") % {"value": str(name)[:60]}
            for name in values
            if name not in kinds
        }
        read: dict[str, Any] = {}
        for name in values.keys() - problems.keys():
            try:
                read[name] = _read(kinds[name], values[name])
            except (TypeError, ValueError, OverflowError):
                problems[name] = _wrong_kind(name, kinds[name], values[name])
        try:
            config = cls(**read)
        except InvalidConfig as error:
            raise InvalidConfig(problems | error.problems) from error
        if problems:
            raise InvalidConfig(problems)
        return config

    def to_mapping(self) -> dict[str, Any]:
        """JSON values that `from_mapping` reads back."""
        values = {spec.name: getattr(self, spec.name) for spec in fields(self)}
        return {
            k: list(v) if isinstance(v, tuple) else v.value if isinstance(v, StrEnum) else v for k, v in values.items()
        }

    @property
    def memory_remedy(self) -> str:
        """What to change when memory ran out."""
        if self.batch_size == 1:
            return gettext("Lower the setting “Longest clip”.")
        halve = gettext("Halve the setting “Batch size” and double “Accumulation”")
        return gettext("%(halve)s; if that is not enough, lower “Longest clip”.") % {"halve": halve}


def _within(value: float, facts: Mapping[str, Any]) -> bool:
    low, high, above, below = (facts[name] for name in ("low", "high", "above", "below"))
    return (
        math.isfinite(value)
        and (low is None or value >= low)
        and (high is None or value <= high)
        and (above is None or value > above)
        and (below is None or value < below)
    )


def _read(kind: Any, value: Any) -> Any:
    if kind is bool:
        if not isinstance(value, bool):
            raise TypeError
        return value
    if kind is int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError
        if abs(value) > MAX_COUNT:
            raise OverflowError
        return value
    if kind is float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError
        return float(value)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(value)
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise TypeError
    return tuple(value)


def _wrong_kind(name: str, kind: Any, value: Any) -> str:
    label = next(gettext(spec.metadata["label"]) for spec in fields(TrainingConfig) if spec.name == name)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return gettext("%(label)s must be one of %(join)s, not %(value)s.") % {
            "label": label,
            "join": ", ".join(kind),
            "value": _shown(value),
        }
    wanted = {int: gettext("a whole number"), float: gettext("a number"), bool: gettext("true or false")}.get(
        kind, gettext("a list of names")
    )
    return gettext("%(label)s must be %(wanted)s, not %(value)s.") % {
        "label": label,
        "wanted": wanted,
        "value": _shown(value),
    }


def _shown(value: Any) -> str:
    """What was given, short enough to be read."""
    if isinstance(value, int) and abs(value) > MAX_COUNT:
        return gettext("one that large")
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


FEW_VOTES = "few_hundred_votes"
PRESETS: dict[str, dict[str, Any]] = {
    FEW_VOTES: {
        "epochs": 3,
        "batch_size": 8,
        "gradient_accumulation_steps": 4,
        "learning_rate": 1e-3,
        "beta": 0.02,
        "lora_dropout": 0.0,
        "guidance_scale": 3.0,
        "temperature": 0.8,
        "max_frames": 100,
        "early_stopping_patience": 0,
        "only_if_better": False,
    },
    "conservative": {
        "epochs": 5,
        "batch_size": 2,
        "learning_rate": 5e-5,
        "gradient_accumulation_steps": 8,
        "warmup_steps": 200,
        "lora_r": 8,
        "lora_alpha": 16.0,
        "lora_dropout": 0.1,
        "max_grad_norm": 0.5,
    },
    "balanced": {},
    "aggressive": {
        "epochs": 2,
        "batch_size": 4,
        "learning_rate": 2e-4,
        "gradient_accumulation_steps": 2,
        "warmup_steps": 50,
        "lora_r": 32,
        "lora_alpha": 64.0,
        "lora_dropout": 0.03,
        "max_grad_norm": 1.5,
    },
}
"""What each preset changes; balanced is the defaults. `training.runs.proposal` fits the first to the votes at hand."""
PRESET_LABELS = {
    FEW_VOTES: gettext_noop("A few hundred votes"),
    "conservative": gettext_noop("Conservative"),
    "balanced": gettext_noop("Balanced"),
    "aggressive": gettext_noop("Aggressive"),
}
