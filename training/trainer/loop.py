"""The training loop: steps, held-out evaluation, early stopping, checkpoints, exact resume."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import gather_object, set_seed
from peft import PeftModel
from torch import Tensor

from generation.engine.delay import codebook_delays
from generation.engine.loading import load_model
from generation.engine.text import TextEncoder
from generation.specs import AdapterSpec, ModelSpec
from training.config import Method, TrainingConfig
from training.specs import (
    ITEM_OF_METHOD,
    Clip,
    LabelledClip,
    ReportCallback,
    StepReport,
    StopCallback,
    TrainingItem,
    TrainingResult,
    clips_of,
)
from training.texts import gettext_noop
from training.trainer.checkpoints import (
    Progress,
    checkpoint_of,
    checkpoints,
    load_checkpoint,
    prune,
    save_checkpoint,
)
from training.trainer.exceptions import TrainingError
from training.trainer.lora import attach_adapter
from training.trainer.losses import kto_baseline
from training.trainer.objectives import (
    Example,
    Scored,
    Share,
    batch_loss,
    means,
    mismatched_clips,
    normalised,
)
from training.trainer.sequences import ClipBatch, ClipCollator, log_probabilities, sequence_log_probability

Value = TypeVar("Value")
BEST_METRIC = "eval_loss"
EVALUATIONS = 8
"""Of a run whose configuration does not say how often."""
OUT_OF_MEMORY = gettext_noop("The device ran out of memory.")
NO_MEMORY_ON_CPU = "can't allocate memory"
"""What torch says of main memory; it has no exception of its own for it."""


def train(
    *,
    base: ModelSpec,
    config: TrainingConfig,
    training: Sequence[TrainingItem],
    validation: Sequence[TrainingItem],
    folder: Path,
    parent: AdapterSpec | None = None,
    device: str | None = None,
    on_step: ReportCallback | None = None,
    should_stop: StopCallback | None = None,
) -> TrainingResult:
    """Train an adapter; a run found half done under `folder` goes on from its newest checkpoint.

    Reports begin with the untrained state (step 0) on the `validation` items, the first candidate for the best: a run
    that never undercuts it has `best_step` 0 and no folder. Without `validation` items, or with `only_if_better` off,
    the last checkpoint counts as the best. Raises `TrainingError` with what to change.
    """
    if not training:
        raise TrainingError(gettext_noop("There is nothing to train on: the training split is empty."))
    wanted = ITEM_OF_METHOD[config.method]
    if not all(isinstance(item, wanted) for item in (*training, *validation)):
        raise TrainingError(
            gettext_noop("The method %(method)s trains on %(kind)s items only.")
            % {"method": config.method, "kind": wanted.__name__}
        )
    if min(item.weight for item in training) <= 0:
        raise TrainingError(gettext_noop("Every item needs a weight above 0; leave out what should not count."))
    verdicts = {item.desirable for item in training if isinstance(item, LabelledClip)}
    if config.method is Method.KTO and len(verdicts) < 2:
        otherwise = gettext_noop(", or train with sft") if True in verdicts else ""
        raise TrainingError(
            gettext_noop(
                "All clips have the same verdict. The method kto needs clips rated four or more and others rated two "
                "or less: rate some of the other kind%(otherwise)s."
            )
            % {"otherwise": otherwise}
        )
    try:
        run = _Run(base, config, parent, device, folder, should_stop or (lambda: False))
        return run.train(training, validation, on_step or (lambda report: None))
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise TrainingError(f"{OUT_OF_MEMORY} {config.memory_remedy}") from error
    except RuntimeError as error:
        if NO_MEMORY_ON_CPU in str(error):
            raise TrainingError(f"{OUT_OF_MEMORY} {config.memory_remedy}") from error
        raise


class _Stopped(Exception):
    """The run was asked to stop in the middle of something."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many optimizer steps, how many items each takes over all processes, and how often the run is judged."""

    steps: int
    items_per_step: int
    steps_per_evaluation: int

    @classmethod
    def of(cls, config: TrainingConfig, items: int, processes: int) -> Plan:
        per_step = min(items, config.batch_size * config.gradient_accumulation_steps * processes)
        steps = config.max_steps or max(1, math.ceil(config.epochs * items / per_step))
        return cls(steps, per_step, config.eval_steps or math.ceil(steps / EVALUATIONS))

    def is_judged(self, step: int) -> bool:
        """Whether an evaluation follows `step`, as one follows the last."""
        return step == self.steps or step % self.steps_per_evaluation == 0


def learning_rate_factor(step: int, plan: Plan, warmup_steps: int) -> float:
    """Linear warm-up over at most a tenth of the run, then a half cosine to zero; `step` counts from 0."""
    warmup = min(warmup_steps, plan.steps // 10)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, plan.steps - warmup)))


def items_of_step(step: int, plan: Plan, items: int, seed: int) -> list[int]:
    """Indices of the items of a step: epoch after epoch, each in an order that only `seed` and its number decide."""
    first = step * plan.items_per_step
    chosen = []
    for place in range(first, first + plan.items_per_step):
        epoch, index = divmod(place, items)
        chosen.append((epoch, index))
    orders = {epoch: _order(epoch, items, seed) for epoch in {epoch for epoch, _ in chosen}}
    return [orders[epoch][index] for epoch, index in chosen]


def _order(epoch: int, items: int, seed: int) -> list[int]:
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return torch.randperm(items, generator=generator).tolist()


class _Run:
    """One run: the model with its adapter, the optimizer, and where it is."""

    def __init__(
        self,
        base: ModelSpec,
        config: TrainingConfig,
        parent: AdapterSpec | None,
        device: str | None,
        folder: Path,
        should_stop: StopCallback,
    ) -> None:
        self.config, self.folder, self.should_stop = config, folder, should_stop
        set_seed(config.seed)
        # accelerate keeps the precision of a process's first run for all others otherwise.
        AcceleratorState._reset_state()
        self.accelerator = Accelerator(
            mixed_precision="bf16" if config.mixed_precision and _has_bf16(device) else "no", cpu=device == "cpu"
        )
        loaded = load_model(base, self.accelerator.device, torch.float32)
        decoder_config = loaded.model.decoder.config
        self.delays = codebook_delays(decoder_config.num_codebooks, decoder_config.audio_channels)
        self.collate = ClipCollator(
            loaded.model.decoder, TextEncoder(loaded.model, loaded.tokenizer), config.max_frames
        )
        self.adapter: PeftModel = attach_adapter(loaded, base, config, parent)
        parameters = [p for p in self.adapter.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=config.weight_decay)
        self.model, self.optimizer = self.accelerator.prepare(self.adapter, optimizer)
        self.progress = Progress()
        self._began_step: tuple[Tensor, ...] | None = None
        """The random generators as a step began that has not been made yet."""

    # -- the run -----------------------------------------------------------------------------------------------------

    def train(
        self,
        training: Sequence[TrainingItem],
        validation: Sequence[TrainingItem],
        on_step: ReportCallback,
    ) -> TrainingResult:
        """Go on from where the run is until its end; asked to stop, it does so after the batch at hand."""
        try:
            return self._result(stopped_early=self._steps(training, validation, on_step), cancelled=False)
        except _Stopped:
            self._keep_what_was_made()
            return self._result(stopped_early=False, cancelled=True)

    def _keep_what_was_made(self) -> None:
        """Store a checkpoint of a run that is stopped, so that it goes on as if it never had been.

        A step that was begun is undone: it changed nothing yet but the random numbers that dropout drew.
        """
        if self._began_step is not None:
            torch.set_rng_state(self._began_step[0])
            if len(self._began_step) > 1:
                torch.cuda.set_rng_state(self._began_step[1])
            self.optimizer.zero_grad(set_to_none=True)
        if self.progress.step and not checkpoint_of(self.folder, self.progress.step).is_dir():
            self._checkpoint()

    def _steps(
        self, training: Sequence[TrainingItem], validation: Sequence[TrainingItem], on_step: ReportCallback
    ) -> bool:
        """Make the steps; True when stopped early, not improving or far enough. Raises `_Stopped`."""
        self._check_codes([*training, *validation])
        plan = Plan.of(self.config, len(training), self.accelerator.num_processes)
        train_examples, eval_examples = self._examples(training, validation), self._examples(validation, training)
        weights = normalised(training)
        if found := checkpoints(self.folder):
            self.progress = load_checkpoint(found[-1], self.adapter, self.optimizer)
        elif eval_examples:
            metrics = self._evaluate(eval_examples)
            self.progress.untrained_value = metrics[BEST_METRIC]
            self._note_best(metrics)
            on_step(StepReport(0, plan.steps, metrics))
        while self.progress.step < plan.steps or self.progress.unjudged is not None:
            if self.progress.unjudged is None:
                if 0 < self.config.early_stopping_patience <= self.progress.waited or self._is_far:
                    return True
                self._stop_if_asked()
                self.progress.unjudged = self._step(plan, train_examples, weights)
            metrics = self.progress.unjudged
            self.progress.kl = metrics.get("kl_per_code", 0.0)
            last = self.progress.step == plan.steps or self._is_far
            judged = plan.is_judged(self.progress.step) or last
            if judged:
                metrics = metrics | (self._evaluate(eval_examples) if eval_examples else {})
                self._note_best(metrics)
            self.progress.unjudged = None
            is_best = judged and self.progress.best_step == self.progress.step
            if last or is_best or self.progress.step % self.config.save_steps == 0:
                self._checkpoint()
            on_step(StepReport(self.progress.step, plan.steps, metrics))
        return False

    @property
    def _is_far(self) -> bool:
        """Whether the policy has moved as far from the reference as it may."""
        return 0 < self.config.max_kl <= self.progress.kl

    def _check_codes(self, items: Sequence[TrainingItem]) -> None:
        """Refuse clips of another codec: on a GPU a code out of range would end the process."""
        books, codes = len(self.delays), self.adapter.get_base_model().config.vocab_size
        for item in items:
            for _, clip in clips_of(item):
                if clip.shape[0] != books or int(clip.max()) >= codes:
                    raise TrainingError(
                        gettext_noop(
                            "Some clips were made by a model with another codec than this base model. Choose the base "
                            "model that made them, or build a dataset of clips that this one made."
                        )
                    )

    def _stop_if_asked(self) -> None:
        """Between steps: all processes stop when any of them was asked to."""
        if any(gather_object([self.should_stop()])):
            raise _Stopped

    def _stop_within_step(self) -> None:
        """Between batches, of which processes may have different numbers: only a run of one process stops here."""
        if self.accelerator.num_processes == 1 and self.should_stop():
            raise _Stopped

    def _step(self, plan: Plan, examples: Sequence[Example], weights: Sequence[float]) -> dict[str, float]:
        """One optimizer step over this process's share of the step's items."""
        rate = self.config.learning_rate * learning_rate_factor(self.progress.step, plan, self.config.warmup_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        picks = items_of_step(self.progress.step, plan, len(examples), self.config.seed)
        mine = picks[self.accelerator.process_index :: self.accelerator.num_processes]
        collected: list[dict[str, Share]] = []
        self._began_step = _random_state()
        baseline = self._baseline([examples[i] for i in mine])
        self.model.train()
        for batch in _batches(mine, self.config.batch_size):
            self._stop_within_step()
            scored = self._score([examples[i] for i in batch], [weights[i] for i in batch])
            made = batch_loss(self.config, scored, baseline)
            if not math.isfinite(made.shares["loss"][0]):
                raise TrainingError(
                    gettext_noop("The loss was no number at step %(step)s. Lower the setting “Learning rate”.")
                    % {"step": self.progress.step + 1}
                )
            # Gradients are averaged over processes; this makes them the gradient of the mean over the step's items.
            self.accelerator.backward(made.weighted_sum * (self.accelerator.num_processes / len(picks)))
            collected.append(made.shares)
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.max_grad_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.progress.step += 1
        self._began_step = None
        return {**means(gather_object(collected)), "learning_rate": rate, "grad_norm": float(norm)}

    @torch.no_grad()
    def _evaluate(self, examples: Sequence[Example]) -> dict[str, float]:
        """Metrics on the held-out items, named `eval_...`."""
        baseline = self._baseline(examples)
        self.model.eval()
        collected: list[dict[str, Share]] = []
        for batch in _batches(examples, self.config.batch_size):
            self._stop_within_step()
            scored = self._score(batch, [example.item.weight for example in batch])
            collected.append(batch_loss(self.config, scored, baseline).shares)
        return {f"eval_{name}": value for name, value in means(collected).items()}

    @torch.no_grad()
    def _baseline(self, examples: Sequence[Example]) -> float:
        """What `kto` measures clips against, from all items of a step over all processes; 0 for other methods."""
        if self.config.method is not Method.KTO:
            return 0.0
        self.model.eval()
        ratios: list[float] = []
        mismatched = [example.mismatched for example in examples if example.mismatched is not None]
        for batch in _batches(mismatched, self.config.batch_size):
            self._stop_within_step()
            policy = self._sums(self.collate([clip for clip, _ in batch]))
            ratios += (policy - torch.cat([reference for _, reference in batch])).tolist()
        return float(kto_baseline(torch.tensor(gather_object(ratios), dtype=torch.float64)))

    def _note_best(self, metrics: dict[str, float]) -> None:
        """Keep count of the best; without held-out items, or asked to, it is always the newest.

        The lowest loss is the best, by however little. What counts as progress, and so for patience, is another matter.
        """
        progress, value = self.progress, metrics.get(BEST_METRIC)
        if value is None:
            progress.best_step = progress.step
            return
        if value < progress.best_value or not self.config.only_if_better:
            progress.best_step, progress.best_value = progress.step, value
        if value < progress.awaited_value - self.config.early_stopping_threshold:
            progress.awaited_value, progress.waited = value, 0
        else:
            progress.waited += 1

    def _checkpoint(self) -> None:
        if self.accelerator.is_main_process:
            save_checkpoint(self.folder, self.adapter, self.optimizer, self.progress)
            prune(self.folder, keep=self.config.save_total_limit, best_step=self.progress.best_step)
        self.accelerator.wait_for_everyone()

    def _result(self, stopped_early: bool, cancelled: bool) -> TrainingResult:
        if not cancelled and self.progress.step == 0:
            raise TrainingError(gettext_noop("The run made no step. Give it steps or epochs, and items to train on."))
        best = self.folder / "best"
        source = checkpoint_of(self.folder, self.progress.best_step)
        is_made = self.progress.best_step > 0 and source.is_dir()
        if is_made:
            shutil.copytree(source, best, dirs_exist_ok=True, ignore=shutil.ignore_patterns("state*", "progress*"))
        return TrainingResult(
            folder=str(best) if is_made else "",
            steps=self.progress.step,
            best_step=self.progress.best_step,
            best_value=self.progress.best_value,
            untrained_value=self.progress.untrained_value,
            stopped_early=stopped_early,
            drifted=self._is_far,
            cancelled=cancelled,
        )

    # -- log-probabilities -------------------------------------------------------------------------------------------

    def _examples(self, items: Sequence[TrainingItem], others: Sequence[TrainingItem]) -> list[Example]:
        """Items with their clips' log-probabilities under the reference policy: the network as the run begins.

        That is the base model, since a new adapter changes nothing, or the parent adapter that the run goes on from.
        Imitation has no reference policy. `others` lend clips to `kto` where `items` are of one text.
        """
        clips = [clips_of(item) for item in items]
        if self.config.method is Method.SFT:
            nothing = torch.zeros(0, dtype=torch.float64, device=self.accelerator.device)
            return [Example(item, own, nothing) for item, own in zip(items, clips, strict=True)]
        references = self._references(clips)
        rivals: list[tuple[Clip, Tensor] | None] = [None] * len(items)
        if self.config.method is Method.KTO and items:
            lent = mismatched_clips(_labelled(items), _labelled(others))
            rivals = list(zip(lent, self._references([(clip,) for clip in lent]), strict=True))
        return [Example(*values) for values in zip(items, clips, references, rivals, strict=True)]

    @torch.no_grad()
    def _references(self, groups: Sequence[tuple[Clip, ...]]) -> list[Tensor]:
        """Log-probabilities of each group's clips, `[n]` float64, under the network as it is now."""
        self.model.eval()
        scores: list[Tensor] = []
        for some in _batches(groups, self.config.batch_size):
            self._stop_within_step()
            batch = self.collate([clip for group in some for clip in group])
            scores += self._sums(batch).split([len(group) for group in some])
        return scores

    def _score(self, examples: Sequence[Example], weights: Sequence[float]) -> list[Scored]:
        batch = self.collate([clip for example in examples for clip in example.clips])
        sizes = [len(example.clips) for example in examples]
        policies, codes = self._sums(batch).split(sizes), batch.tokens.split(sizes)
        return [
            Scored(example.item, policy, example.reference, count, weight)
            for example, policy, count, weight in zip(examples, policies, codes, weights, strict=True)
        ]

    def _sums(self, batch: ClipBatch) -> Tensor:
        with self.accelerator.autocast():
            scores = log_probabilities(self.model, batch, self.delays, self.config.sampling)
        return sequence_log_probability(scores)


def _random_state() -> tuple[Tensor, ...]:
    return (torch.get_rng_state(), *([torch.cuda.get_rng_state()] if torch.cuda.is_available() else []))


def _has_bf16(device: str | None) -> bool:
    return device != "cpu" and torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)


def _labelled(items: Sequence[TrainingItem]) -> list[LabelledClip]:
    return [item for item in items if isinstance(item, LabelledClip)]


def _batches(values: Sequence[Value], size: int) -> Iterator[Sequence[Value]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
