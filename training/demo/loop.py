"""Prompts, samples, votes, taste, dataset, adapter, blind test: one stage after the other, all through the studio's
services.

The rater is synthetic and says so: its profile is marked, and so are its votes through it. It judges every clip by one
measurable taste and errs at random with a stated probability; in the blind test it hears what any rater is sent.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any
from uuid import UUID

import numpy as np
import soundfile
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.utils import timezone

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
from training.config import Method
from training.demo.prompts import DemoPrompt, draw_prompts
from training.demo.tastes import Taste as RaterTaste
from training.models import Promotion, PromotionPolicy, TrainingRun
from training.promotion.services import decide_claimed, open_promotion
from training.quality.guards import Guards
from training.runs.proposal import proposal
from training.runs.worker import run_training
from training.services import create_experiment, create_run
from training.services.tastes import fit_taste
from training.tastes.telling import in_lines

RATER = "synthetic-rater"
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


@dataclass(frozen=True, slots=True)
class Measured:
    """Means of the taste's measure over the clips of the blind test, and the 95 % interval of what was gained.

    Clips of one prompt are alike, so the interval is of the prompts' mean gains (Student's t).
    """

    adapted: float
    base: float
    gain_low: float
    gain_high: float

    @classmethod
    def of(cls, adapted: Mapping[UUID, Sequence[float]], base: Mapping[UUID, Sequence[float]]) -> Measured:
        """From the clips' measures by prompt, at least two prompts."""
        from scipy.stats import ttest_1samp

        gains = [np.mean(adapted[prompt]) - np.mean(base[prompt]) for prompt in base]
        interval = ttest_1samp(gains, 0.0).confidence_interval(0.95)
        means = [float(np.mean([value for values in arm.values() for value in values])) for arm in (adapted, base)]
        return cls(means[0], means[1], float(interval.low), float(interval.high))

    @property
    def gain(self) -> float:
        return self.adapted - self.base


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the demo found: the adapter's win rate against its base in the blind test, and what it cost."""

    taste: RaterTaste
    method: Method
    seed: int
    votes: int
    learned: Taste | None
    promotion: Promotion
    measured: Measured
    seconds: dict[str, float]

    @property
    def guards(self) -> Guards:
        return Guards.from_mapping(self.promotion.guards)

    @property
    def judgements(self) -> str:
        return "Votes it was trained on" if self.method is Method.DPO else "Ratings it was trained on"

    def to_mapping(self) -> dict[str, Any]:
        return {
            "taste": self.taste.name,
            "method": self.method.value,
            "seed": self.seed,
            "votes": self.votes,
            "learned": _learned(self.learned),
            "test_votes": self.promotion.votes,
            "win_rate": self.promotion.win_rate,
            "win_rate_low": self.promotion.win_rate_low,
            "win_rate_high": self.promotion.win_rate_high,
            "measure": self.measured.adapted,
            "base_measure": self.measured.base,
            "gain_low": self.measured.gain_low,
            "gain_high": self.measured.gain_high,
            "seconds": round(sum(self.seconds.values()), 1),
            "guards": self.guards.to_mapping(),
        }

    def table(self) -> list[str]:
        """The evidence as lines of text."""
        found, guards, measured = self.promotion, self.guards, self.measured
        gain = f"{measured.gain:.3g} (95 % interval {measured.gain_low:.3g} to {measured.gain_high:.3g})"
        interval = f"{found.win_rate_low:.1%} to {found.win_rate_high:.1%}, {found.votes} votes"
        rows = {
            "Taste of the synthetic rater": self.taste.likes,
            self.judgements: f"{self.votes}",
            "Taste learned from them": _learned_in_words(self.learned),
            "Adapter": str(found.adapter),
            "Win rate against the base, blind": f"{found.win_rate:.1%} ({interval})",
            "The taste's measure, beside the base's": f"{measured.adapted:.4g}, {measured.base:.4g}: gained {gain}",
            **{guard.name: f"{guard.value}, {guard.base} ({guard.limit})" for guard in guards.guards},
            "Guards": "hold" if guards.hold else " ".join(guards.problems),
            "Promotion": f"{found.get_outcome_display()}. {found.reason}",
            "Time": ", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in self.seconds.items()),
        }
        width = max(map(len, rows))
        return [f"{name:<{width}}  {value}" for name, value in rows.items()]


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
        self.rater = synthetic_rater()
        self.rng = np.random.default_rng(seed)
        self.seconds: dict[str, float] = {}
        self.title = f"Demo: {taste.name}, {method}, seed {seed}"
        self.learned: Taste | None = None

    def run(self) -> Outcome:
        """Everything, in order."""
        drawn = draw_prompts(self.size.prompts + self.size.test_prompts, self.seed)
        samples = self._timed("generate", lambda: self._generate(drawn[: self.size.prompts]))
        judge = self._vote if self.method is Method.DPO else self._rate
        votes = self._timed("vote", lambda: judge(samples))
        if self.learn is Learn.TASTE:
            self.learned = self._timed("taste", self._learn)
        dataset = self._timed("dataset", lambda: self._build_dataset(samples))
        run = self._timed("train", lambda: self._train(dataset))
        promotion = self._timed("test", lambda: self._test(run.adapter, drawn[self.size.prompts :]))
        return self._timed("result", lambda: self._outcome(promotion, votes))

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
        made = AudioSample.objects.visible().filter(job__prompt__in=prompts).select_related("job__prompt")
        return {prompt: [sample for sample in made if sample.job.prompt_id == prompt.pk] for prompt in prompts}

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
            actor=None, name=self.title[:NAME_LENGTH], raters=[RATER], base_model=self.model, seed=self.seed, now=True
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
        filters: dict[str, Any] = {"raters": [RATER], "prompts": [str(prompt.pk) for prompt in prompts]}
        if self.learned and self.learned.is_usable:
            filters["taste"] = str(self.learned.pk)
        return create_dataset(actor=self.actor, name=self.title, kind=kind, filters=filters, seed=self.seed, now=True)

    def _train(self, dataset: Dataset) -> TrainingRun:
        self.say(f"Training an adapter by {self.method.upper()} on a dataset of {dataset.row_count} rows ...")
        experiment = create_experiment(
            actor=self.actor,
            name=self.title,
            dataset=dataset,
            base_model=self.model,
            config={"method": self.method.value, **self._settings(dataset), "seed": self.seed},
        )
        run = create_run(experiment=experiment, actor=self.actor, blind_test=False)
        run_training(run)
        run.refresh_from_db()
        if run.adapter is None:
            raise RuntimeError(run.error or f"The run ended {run.state}.")
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


def _learned(taste: Taste | None) -> dict[str, Any] | None:
    """A taste's figures as JSON values."""
    if taste is None:
        return None
    return {"usable": taste.is_usable, **{name: taste.report[name] for name in ("accuracy", "lower", "votes_wanted")}}


def _learned_in_words(taste: Taste | None) -> str:
    if taste is None:
        return "none, the votes alone"
    used = "labels pairs nobody heard" if taste.is_usable else "not usable, so the votes alone"
    return f"{taste.accuracy['value']:.0%} of votes on other prompts predicted; {used}"


def synthetic_rater() -> User:
    """The account of the program that votes: it cannot sign in, and its profile is marked."""
    user, made = get_user_model().objects.get_or_create(username=RATER)
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
