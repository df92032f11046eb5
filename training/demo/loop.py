"""Prompts, samples, votes, taste, dataset, adapter, blind test: one stage after the other, all through the studio's
services.

The rater is synthetic and says so: its profile is marked, and so are its votes through it. It judges every clip by one
measurable taste and errs at random with a stated probability; in the blind test it hears what any rater is sent.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any
from uuid import UUID

import numpy as np
import soundfile
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.text import slugify

from adapters.models import Adapter, Taste
from adapters.models.names import NAME_LENGTH
from datasets_app.models import Dataset
from datasets_app.services import create_dataset
from feedback.listening_tests.clips import trial_wav
from feedback.listening_tests.pairs import collect_pairs
from feedback.listening_tests.services.creation import DEFAULT_PRESET
from feedback.listening_tests.services.lifecycle import close_test
from feedback.listening_tests.services.trials import next_trial
from feedback.listening_tests.services.votes import vote
from feedback.models import Arm, ListeningTest, RaterProfile, Trial
from feedback.services.preferences import prefer
from feedback.services.ratings import rate
from generation.jobs import worker as generation_worker
from generation.jobs.presets import PRESET_BY_KEY
from generation.models import AudioSample, BaseModel, GenerationJob
from generation.services import make_music, model_for
from generation.sound.files import load_audio_bytes
from generation.sound.processing import read_flac
from prompts.models import Prompt, PromptSuite
from prompts.services import create_prompt, create_suite, freeze_suite
from text2song.workers import presence
from training.config import Method, TrainingConfig
from training.demo.outcome import Measured, Outcome
from training.demo.prompts import DemoPrompt, draw_prompts
from training.demo.tastes import Taste as RaterTaste
from training.models import Promotion, PromotionPolicy, Round, TasteFit, TrainingRun
from training.promotion.services import decide_claimed, open_promotion
from training.runs.proposal import proposal
from training.runs.worker import run_training
from training.services import create_experiment, create_run
from training.services.tastes import fit_taste
from training.tastes.telling import in_lines

RATER = "synthetic-rater"
"""What its account's name begins with: one for each taste, so that none is learned from another's votes."""
OVERALL = "overall"
LIKED, NOT_LIKED, TOP_SHARE = 5, 2, 0.25
Say = Callable[[str], None]


class Learn(StrEnum):
    """What the adapter learns from: the votes alone, or what a taste of these votes makes of all the clips."""

    TASTE = "taste"
    VOTES = "votes"


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything. `seconds` is the length of every clip; two samples make one vote, `votes` at most."""

    prompts: int = 100
    samples: int = 8
    seconds: int = 4
    test_prompts: int = 48
    test_samples: int = 4
    error_rate: float = 0.1
    votes: int = 100

    @property
    def most_votes(self) -> int:
        """Every clip is heard once."""
        return self.prompts * (self.samples // 2)


SAMPLING = PRESET_BY_KEY[DEFAULT_PRESET].sampling
IMITATION: dict[str, Any] = {
    "epochs": 8,
    "batch_size": 16,
    "gradient_accumulation_steps": 1,
    "learning_rate": 5e-3,
    "max_frames": 50,
    "lora_r": 4,
    "lora_alpha": 8.0,
    "lora_dropout": 0.3,
    "early_stopping_patience": 0,
    "only_if_better": False,
    **SAMPLING,
}
"""What makes the most of liked clips; `docs/training.md` says why. For pairs the studio proposes settings itself."""


class Demo:
    """One walk round the loop."""

    size = Size()

    def __init__(
        self,
        *,
        actor: User,
        taste: RaterTaste,
        seed: int,
        say: Say,
        method: Method = Method.DPO,
        learn: Learn = Learn.TASTE,
        votes: int | None = None,
    ) -> None:
        self.actor, self.taste, self.seed, self.say, self.method = actor, taste, seed, say, method
        self.learn = learn if method is Method.DPO else Learn.VOTES
        if votes is not None:
            self.size = replace(self.size, votes=votes)
        self.model: BaseModel = model_for(None)
        self.rater = synthetic_rater(f"{RATER}-{slugify(taste.name)}")
        self.rng = np.random.default_rng(seed)
        self.seconds: dict[str, float] = {}
        self.title = f"Demo: {taste.name}, {method}, seed {seed}"
        self.learned: Taste | None = None

    def run(self) -> Outcome:
        """Everything, in order."""
        return self.learn_from(self.make_clips())

    def make_clips(self) -> dict[Prompt, list[AudioSample]]:
        """What there is to vote about, which depends on the seed and not on the taste."""
        return self._timed("generate", lambda: self._generate(self._drawn[: self.size.prompts]))

    def learn_from(self, samples: dict[Prompt, list[AudioSample]]) -> Outcome:
        """All that follows the clips."""
        judge = self._vote if self.method is Method.DPO else self._rate
        votes = self._timed("vote", lambda: judge(samples))
        if self.learn is Learn.TASTE:
            self.learned = self._timed("taste", self._learn)
        dataset = self._timed("dataset", lambda: self._build_dataset(samples))
        run = self._timed("train", lambda: self._train(dataset))
        promotion = self._timed("test", lambda: self._test(run.adapter, self._drawn[self.size.prompts :]))
        if self.method is Method.DPO:
            self._record(samples, dataset, run, promotion)
        return self._timed("result", lambda: self._outcome(promotion, votes))

    @property
    def _drawn(self) -> list[DemoPrompt]:
        return draw_prompts(self.size.prompts + self.size.test_prompts, self.seed)

    def _timed(self, stage: str, work: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        made = work()
        self.seconds[stage] = round(time.perf_counter() - started, 1)
        self.say(f"  {self.seconds[stage]:.1f} s")
        return made

    # -- stages ------------------------------------------------------------------------------------------------------

    def _generate(self, drawn: Sequence[DemoPrompt]) -> dict[Prompt, list[AudioSample]]:
        self.say(f"Generating {self.size.samples} samples for each of {len(drawn)} prompts ...")
        with presence("command") as name:
            prompts = [self._send(values, number) for number, values in enumerate(drawn)]
            drain(name)
        return clips_of(prompts)

    def _send(self, values: DemoPrompt, number: int) -> Prompt:
        job = make_music(
            actor=self.actor,
            prompt=asdict(values),
            base_model=self.model,
            seed=(self.seed * 100_003 + number * 16) % 2**31,
            num_samples=self.size.samples,
            duration=self.size.seconds,
            in_queue=False,
            **SAMPLING,
        )
        return job.prompt

    def _vote(self, samples: dict[Prompt, list[AudioSample]]) -> int:
        self.say(
            f"The synthetic rater likes {self.taste.likes}, and errs in {self.size.error_rate:.0%} of its votes ..."
        )
        votes = 0
        for place in range(0, self.size.samples - 1, 2):
            for clips in samples.values():
                if votes == self.size.votes:
                    return votes
                a, b = clips[place : place + 2]
                liked = self._liked([a, b])
                winner = self.choice(liked[a], liked[b], "a", "b")
                prefer(sample_a=a, sample_b=b, winner=winner, rater=self.rater)
                votes += 1
        return votes

    def _learn(self) -> Taste:
        """Fit the rater's taste; whether it can be used is for its gate to say."""
        self.say("Learning the rater's taste from these votes ...")
        fit = fit_taste(
            actor=None,
            name=self.title[:NAME_LENGTH],
            raters=[self.rater.username],
            base_model=self.model,
            seed=self.seed,
            now=True,
        )
        if fit.taste is None:
            raise RuntimeError(fit.error)
        for line in in_lines(fit.taste):
            self.say(f"  {line}")
        return fit.taste

    def _rate(self, samples: dict[Prompt, list[AudioSample]]) -> int:
        """Rate every clip: of each prompt the best quarter is liked."""
        self.say(f"The synthetic rater likes {self.taste.likes}, and rates {self.size.error_rate:.0%} at random ...")
        ratings = 0
        for clips in samples.values():
            liked = self._liked(clips)
            best_first = sorted(clips, key=liked.__getitem__, reverse=True)
            for place, clip in enumerate(best_first):
                erred = self.rng.random() < self.size.error_rate
                share = self.rng.random() if erred else place / len(clips)
                rate(sample=clip, rater=self.rater, scores={OVERALL: LIKED if share < TOP_SHARE else NOT_LIKED})
                ratings += 1
        return ratings

    def _liked(self, clips: Iterable[AudioSample]) -> dict[AudioSample, float]:
        return {clip: self.taste.measure(*read_flac(load_audio_bytes(clip))) for clip in clips}

    def choice(self, first: float, second: float, if_first: str, if_second: str) -> str:
        """The better liked of two, or the other one when the rater errs."""
        right = (first > second) != (self.rng.random() < self.size.error_rate)
        return if_first if right else if_second

    def _build_dataset(self, prompts: Iterable[Prompt]) -> Dataset:
        kind = Dataset.Kind.PREFERENCE if self.method is Method.DPO else Dataset.Kind.SUPERVISED
        self.say(f"Building the {kind} dataset ...")
        filters: dict[str, Any] = {"raters": [self.rater.username], "prompts": [str(prompt.pk) for prompt in prompts]}
        if self.learned and self._relies_on_taste:
            filters["taste"] = str(self.learned.pk)
        return create_dataset(actor=self.actor, name=self.title, kind=kind, filters=filters, seed=self.seed, now=True)

    def _train(self, dataset: Dataset) -> TrainingRun:
        self.say(f"Training an adapter by {self.method.upper()} on a dataset of {dataset.row_count} rows ...")
        experiment = create_experiment(
            actor=self.actor,
            name=self.title,
            dataset=dataset,
            base_model=self.model,
            config={
                **TrainingConfig().to_mapping(),
                "method": self.method.value,
                **self._settings(dataset),
                "seed": self.seed,
            },
        )
        run = create_run(experiment=experiment, actor=self.actor, blind_test=False)
        run_training(run)
        run.refresh_from_db()
        if run.adapter is None:
            raise RuntimeError(run.error or f"The run ended {run.state}.")
        self.say(f"  {run.step} steps; {run.kept_percent} % of what it learned is kept, as far as its clips bear it")
        return run

    def _settings(self, dataset: Dataset) -> dict[str, Any]:
        """What anybody would be proposed; for imitation, which nothing is proposed for, what was found to work."""
        proposed = proposal(dataset)
        return proposed.values if proposed else IMITATION

    def _test(self, adapter: Adapter, drawn: Sequence[DemoPrompt]) -> Promotion:
        """The test by which any adapter is promoted; it decides, but not about the default: no person voted."""
        self.say(f"Blind test against the base on {len(drawn)} prompts never trained on ...")
        policy = PromotionPolicy(suite=self._suite(drawn), votes_wanted=len(drawn) * self.size.test_samples)
        promotion = open_promotion(
            adapter=adapter, actor=self.actor, policy=policy, seed=self.seed, duration=self.size.seconds
        )
        test = promotion.test
        with presence("command") as name:
            drain(name)
        collect_pairs(test)
        test.refresh_from_db()
        self._judge(test)
        test.refresh_from_db()
        return self._decide(promotion)

    def _decide(self, promotion: Promotion) -> Promotion:
        """Here, or by a worker of a running studio that was faster."""
        with presence("command") as name:
            if promotion.claim(name):
                decide_claimed(promotion)
        while promotion.is_open:
            time.sleep(1)
            promotion.refresh_from_db()
        return promotion

    def _record(
        self, samples: dict[Prompt, list[AudioSample]], dataset: Dataset, run: TrainingRun, promotion: Promotion
    ) -> None:
        """Keep the walk as a round of the rater, to be looked at where people's own rounds are."""
        rounds = Round.objects.filter(owner=self.rater)
        last = rounds.order_by("-number").first()
        round_ = Round(
            owner=self.rater,
            number=last.number + 1 if last else 1,
            base_model=self.model,
            suite=promotion.test.suite,
            votes_wanted=self.size.votes,
            clips_per_prompt=self.size.samples,
            seconds=self.size.seconds,
            step=Round.Step.DECIDED,
            trains_on=Round.Source.TASTE if self._relies_on_taste else Round.Source.VOTES,
            fit=TasteFit.objects.filter(taste=self.learned).first() if self.learned else None,
            dataset=dataset,
            run=run,
            promotion=promotion,
        )
        round_.finish(Round.State.COMPLETED, promotion.reason)
        round_.save(force_insert=True)
        round_.prompts.set(samples)
        round_.jobs.set({clip.job for clips in samples.values() for clip in clips})

    @property
    def _relies_on_taste(self) -> bool:
        return self.learned is not None and self.learned.is_usable

    def _suite(self, drawn: Sequence[DemoPrompt]) -> PromptSuite:
        suite = create_suite(
            actor=self.actor,
            name=f"{self.title} ({timezone.now():%Y-%m-%d %H:%M:%S})",
            prompt_ids=[create_prompt(actor=self.actor, **asdict(values)).pk for values in drawn],
        )
        return freeze_suite(actor=self.actor, suite=suite)

    def _judge(self, test: ListeningTest) -> None:
        """Vote in every trial by what is heard; hidden repeats and gold pairs come as they do for anybody."""
        while test.is_open and (trial := next_trial(rater=self.rater, test=test)):
            first, second = (self._heard(trial, first=first) for first in (True, False))
            choice = self.choice(first, second, Trial.Choice.FIRST, Trial.Choice.SECOND)
            vote(rater=self.rater, token=trial.token, choice=choice)
            test.refresh_from_db()
        if test.is_open:
            close_test(actor=self.actor, test=test)

    def _heard(self, trial: Trial, *, first: bool) -> float:
        audio, rate = soundfile.read(io.BytesIO(trial_wav(trial, first=first)), dtype="float32", always_2d=True)
        return self.taste.measure(audio.T, rate)

    def _outcome(self, promotion: Promotion, votes: int) -> Outcome:
        arms = promotion.test.arms.order_by("position")
        measured = Measured.of(*(self._measures(arm) for arm in arms))
        return Outcome(self.taste, self.method, self.seed, votes, self.learned, promotion, measured, self.seconds)

    def _measures(self, arm: Arm) -> dict[UUID, list[float]]:
        clips = AudioSample.objects.filter(job__arm_job__arm=arm).select_related("job")
        by_prompt: dict[UUID, list[float]] = {}
        for clip, liked in self._liked(clips).items():
            by_prompt.setdefault(clip.job.prompt_id, []).append(liked)
        return by_prompt


def clips_of(prompts: Iterable[Prompt]) -> dict[Prompt, list[AudioSample]]:
    """The clips of each prompt, in the prompts' order."""
    found: dict[Prompt, list[AudioSample]] = {prompt: [] for prompt in prompts}
    for sample in AudioSample.objects.visible().filter(job__prompt__in=found).select_related("job__prompt"):
        found[sample.job.prompt].append(sample)
    return found


def synthetic_rater(name: str = RATER) -> User:
    """The account of the program that votes: it cannot sign in, and its profile is marked."""
    user, made = get_user_model().objects.get_or_create(username=name)
    if made:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    RaterProfile.objects.update_or_create(user=user, defaults={"kind": RaterProfile.Kind.SYNTHETIC})
    return user


def drain(worker: str) -> None:
    """Run every waiting job in this process; workers of a running studio may take some."""
    from generation.engine import EngineCache

    generation_worker.drain(EngineCache(), worker)
    while GenerationJob.objects.unfinished().exists():
        time.sleep(1)
        generation_worker.drain(EngineCache(), worker)
