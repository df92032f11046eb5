"""An adapter becomes the default by a blind test it wins beyond chance, with the guards holding, and not otherwise."""

from __future__ import annotations

import math

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone
from django.utils.module_loading import import_string

from adapters.exceptions import AdapterInactive
from adapters.models import Adapter, DefaultChange
from adapters.services import deactivate_adapter, make_default, roll_back
from adapters.tests.factories import AdapterFactory
from datasets_app.tests.factories import built, rated
from feedback.listening_tests.evidence import WANTED, evidence
from feedback.listening_tests.exceptions import WrongState
from feedback.listening_tests.pairs import collect_pairs
from feedback.listening_tests.services.lifecycle import close_test, delete_test, reopen_test
from feedback.listening_tests.services.results import results
from feedback.listening_tests.services.standings import standings
from feedback.listening_tests.services.trials import next_trial
from feedback.listening_tests.tests.listening import answer, finish_jobs, voted
from feedback.models import ArmJob, ListeningTest, RaterProfile
from generation.exceptions import StorageUnavailable
from generation.models import BaseModel, GenerationJob
from generation.tests.factories import BaseModelFactory
from prompts.models import Prompt
from prompts.services.starter_suite import PROMPTS, starter_suite
from prompts.tests.factories import PromptFactory, PromptSuiteFactory
from text2song import work
from text2song.exceptions import Conflict, Forbidden, Refused
from text2song.tests.clients import caller
from text2song.tests.factories import UserFactory
from training.models import Promotion, PromotionPolicy
from training.promotion import services as promotions
from training.promotion.services import current_policy, decide, decide_waiting, open_promotion, set_policy
from training.quality.guards import RULES, Figure, Guards
from training.runs import worker
from training.services import start_run
from training.tests.factories import TrainingRunFactory

pytestmark = pytest.mark.django_db
SOUND = Guards({"diversity": Figure(0.9, 0.95), "silent": Figure(0.0, 0.0), "drift": Figure(0.02, 0.0)})


@pytest.fixture
def curator():
    return UserFactory(is_staff=True)


@pytest.fixture
def policy(curator):
    suite = PromptSuiteFactory(prompts=[PromptFactory() for _ in range(5)], frozen=True)
    return set_policy(actor=curator, suite=suite, votes_wanted=20)


@pytest.fixture
def sound(monkeypatch):
    """Guards that hold, where not they are looked at."""
    monkeypatch.setattr(promotions, "measure_guards", lambda promotion: SOUND)


def vote_all(promotion: Promotion, wins: int, losses: int, rater=None) -> None:
    """Make the clips and cast so many votes, then end the test as the last vote would."""
    test = promotion.test
    finish_jobs(test)
    collect_pairs(test)
    pairs = list(test.pairs.filter(kind="regular"))
    winners = ["x"] * wins + ["y"] * losses
    for number, winner in enumerate(winners):
        voted(pairs[number % len(pairs)], winner=winner, rater=rater or UserFactory())
    ListeningTest.objects.filter(pk=test.pk).update(state="completed")


def decided(promotion: Promotion) -> Promotion:
    decide_waiting("host:1:1")
    promotion.refresh_from_db()
    return promotion


def test_a_test_opens_against_the_parent_blind_and_with_equal_seeds(policy, curator):
    parent = AdapterFactory()
    child = AdapterFactory(base_model=parent.base_model, parent=parent)
    promotion = open_promotion(adapter=child, actor=curator)
    arms = list(promotion.test.arms.order_by("position"))
    assert [arm.adapter for arm in arms] == [child, parent] and promotion.opponent == parent
    assert promotion.test.suite == policy.suite and promotion.test.votes_wanted == 20
    assert promotion.test.state == "generating" and promotion.test.samples_per_prompt == 4
    seeds = {made.prompt_id: set() for made in ArmJob.objects.all()}
    for made in ArmJob.objects.select_related("job"):
        seeds[made.prompt_id].add(made.job.seed)
    assert len(seeds) == 5 and all(len(seed) == 1 for seed in seeds.values())
    with pytest.raises(Conflict, match="goes on already"):
        open_promotion(adapter=child, actor=curator)


def test_without_a_usable_parent_it_faces_the_base_alone(policy, curator):
    assert open_promotion(adapter=AdapterFactory(), actor=curator).opponent is None
    parent = AdapterFactory(is_active=False)
    child = AdapterFactory(base_model=parent.base_model, parent=parent)
    promotion = open_promotion(adapter=child, actor=curator)
    assert promotion.opponent is None and promotion.opponent_name == f"{parent.base_model.display_name} alone"


@pytest.mark.parametrize("taught", ["adapter", "parent"])
def test_a_suite_it_learned_from_is_refused_even_if_frozen_later(policy, curator, taught):
    texts = [f"tune number {number}" for number in range(30)]
    for text in texts:
        rated([5], prompt=PromptFactory(text=text))
    dataset = built("supervised")
    parent = AdapterFactory()
    adapter = AdapterFactory(base_model=parent.base_model, parent=parent)
    TrainingRunFactory(completed=True, dataset=dataset, adapter={"adapter": adapter, "parent": parent}[taught])
    held_out = set(dataset.items.filter(split="test").values_list("asked", flat=True))
    learned = [text for text in texts if text not in held_out]
    assert held_out and learned, "both kinds of rows are looked at"

    def frozen(*asked):
        fresh = [PromptFactory() for _ in range(5)]
        suite = PromptSuiteFactory(prompts=[*fresh, *(PromptFactory(text=text) for text in asked)], frozen=True)
        set_policy(actor=curator, suite=suite, votes_wanted=20)

    frozen(*learned[:2], *held_out)
    with pytest.raises(Conflict, match="learned from 2 of the texts"):
        open_promotion(adapter=adapter, actor=curator)
    assert "learned from 2" in promotions.open_for_new(adapter) and not Promotion.objects.exists()
    frozen(*held_out)
    assert open_promotion(adapter=adapter, actor=curator).test.state == "generating"


def test_what_cannot_be_tested_is_refused(policy, curator):
    adapter = AdapterFactory()
    with pytest.raises(Forbidden):
        open_promotion(adapter=adapter, actor=UserFactory())
    make_default(adapter=adapter, actor=curator)
    with pytest.raises(Conflict, match="default already"):
        open_promotion(adapter=adapter, actor=curator)
    with pytest.raises(AdapterInactive):
        open_promotion(adapter=AdapterFactory(is_active=False), actor=curator)
    set_policy(actor=curator, suite=None, votes_wanted=20)
    with pytest.raises(Refused, match="frozen suite"):
        open_promotion(adapter=AdapterFactory(), actor=curator)
    assert not Promotion.objects.exists() and not ListeningTest.objects.exists()


def test_winning_beyond_chance_makes_it_the_default_and_one_click_undoes_it(policy, curator, sound, client):
    parent = AdapterFactory()
    make_default(adapter=parent, actor=curator)
    child = AdapterFactory(base_model=parent.base_model, parent=parent)
    promotion = open_promotion(adapter=child, actor=None)
    vote_all(promotion, wins=19, losses=1)
    assert decided(promotion).outcome == "promoted", promotion.reason
    assert promotion.win_rate == pytest.approx(0.95) and promotion.win_rate_low > 0.5 and promotion.votes == 20
    assert promotion.guards["hold"] is True and "95 %" in promotion.reason
    assert Adapter.objects.default_of(parent.base_model) == child
    assert [(c.after, c.reason, c.actor) for c in DefaultChange.objects.filter(after=child)] == [
        (child, "promoted", None)
    ]
    client.force_login(curator)
    page = client.get(reverse("adapter-detail", args=[child.pk])).content.decode()
    for words in ("Blind test opened", "Blind test decided", "95.0 %", "Became the default in place of", "Drift"):
        assert words in page
    assert f"Roll back to {parent.label}" in page
    quality = client.get(reverse("adapter-quality", args=[child.pk])).content.decode()
    for words in ("Diversity within prompts", "0.900", "0.950", "Half a nat", f"Against {parent.label}"):
        assert words in quality
    assert "Nothing was measured yet" in client.get(reverse("adapter-quality", args=[parent.pk])).content.decode()
    client.post(reverse("adapter-roll-back", args=[child.pk]))
    assert Adapter.objects.default_of(parent.base_model) == parent
    page = client.get(reverse("adapter-detail", args=[child.pk])).content.decode()
    assert "No longer the default" in page and "Rolled back by" in page


@pytest.mark.parametrize(("wins", "losses"), [(13, 7), (10, 10), (4, 16), (9, 0), (0, 0)])
def test_an_interval_that_does_not_clear_half_promotes_nothing(policy, curator, sound, wins, losses):
    promotion = open_promotion(adapter=AdapterFactory(), actor=curator)
    vote_all(promotion, wins=wins, losses=losses)
    assert decided(promotion).outcome == "declined" and "does not clear 50 %" in promotion.reason
    assert not Adapter.objects.filter(is_default=True).exists()


def test_a_lead_of_few_votes_is_not_evidence_enough_however_early_it_is_looked_at(policy, curator, sound):
    """Nine to one of ten prompts wanted twenty: the interval clears one half, the evidence does not suffice."""
    suite = PromptSuiteFactory(prompts=[PromptFactory() for _ in range(10)], frozen=True)
    set_policy(actor=curator, suite=suite, votes_wanted=20)
    promotion = open_promotion(adapter=AdapterFactory(), actor=curator)
    finish_jobs(promotion.test)
    collect_pairs(promotion.test)
    rater, chosen = UserFactory(), {}
    for pair in promotion.test.pairs.filter(kind="regular"):
        chosen.setdefault(pair.prompt_id, pair)
    for number, pair in enumerate(chosen.values()):
        voted(pair, winner="x" if number else "y", rater=rater)
    close_test(actor=curator, test=promotion.test)
    assert decided(promotion).outcome == "declined"
    assert "60 to 1 is wanted" in promotion.reason and "does not clear" not in promotion.reason
    assert not Adapter.objects.filter(is_default=True).exists()


def test_a_test_begun_again_goes_on_with_the_votes_of_the_one_before(policy, curator, sound):
    """Seven to thirteen, then nineteen to one: the second alone would have promoted."""
    adapter = AdapterFactory()
    first = open_promotion(adapter=adapter, actor=curator)
    vote_all(first, wins=7, losses=13)
    assert decided(first).outcome == "declined"
    delete_test(actor=curator, test=first.test)
    again = open_promotion(adapter=adapter, actor=curator)
    vote_all(again, wins=19, losses=1)
    assert evidence(again.test) < WANTED
    assert decided(again).outcome == "declined" and "is wanted" in again.reason
    fresh = open_promotion(adapter=AdapterFactory(), actor=curator)
    vote_all(fresh, wins=19, losses=1)
    assert evidence(fresh.test) > WANTED and decided(fresh).outcome == "promoted", "others' votes are not its own"


def listen(promotion: Promotion, rater, winner: str) -> None:
    """Judge the next pair as a rater does."""
    trial = next_trial(rater=rater, test=promotion.test)
    answer(trial, "first" if (winner == "x") == trial.x_is_first else "second")


@pytest.mark.parametrize("program", [False, True])
def test_a_test_ends_as_soon_as_the_votes_of_people_suffice(policy, curator, sound, program):
    suite = PromptSuiteFactory(prompts=[PromptFactory() for _ in range(10)], frozen=True)
    set_policy(actor=curator, suite=suite, votes_wanted=20)
    promotion = open_promotion(adapter=AdapterFactory(), actor=curator, duration=1, gold_share=0.0, repeat_share=0.0)
    finish_jobs(promotion.test)
    collect_pairs(promotion.test)
    rater = UserFactory()
    if program:
        RaterProfile.objects.create(user=rater, kind=RaterProfile.Kind.SYNTHETIC)
    given = 0
    while given < 19 and ListeningTest.objects.get(pk=promotion.test_id).is_open:
        listen(promotion, rater, "x")
        given += 1
        suffices = given >= 10 and evidence(promotion.test) >= WANTED
        assert ListeningTest.objects.get(pk=promotion.test_id).is_open == (program or not suffices)
    assert given == 19 if program else 10 <= given < 16
    assert program or decided(promotion).outcome == "promoted"


def test_results_of_an_open_promotion_are_told_to_nobody(policy, curator, sound, client):
    promotion = open_promotion(adapter=AdapterFactory(), actor=curator)
    finish_jobs(promotion.test)
    collect_pairs(promotion.test)
    pairs = list(promotion.test.pairs.filter(kind="regular"))
    for pair in pairs[:12]:
        voted(pair, winner="x")
    test = ListeningTest.objects.get(pk=promotion.test_id)
    with pytest.raises(Forbidden):
        results(actor=curator, test=test)
    client.force_login(curator)
    superuser = UserFactory(is_staff=True, is_superuser=True)
    assert client.get(reverse("test-results", args=[test.pk])).status_code == 403
    assert caller(curator).get(f"/api/v1/listening-tests/{test.pk}/results/").status_code == 403
    board = client.get(reverse("leaderboard")).text
    assert promotion.adapter.label not in board and "No arm has been judged" in board
    assert standings(actor=curator).votes == 0
    client.force_login(superuser)
    trials = client.get(reverse("admin:feedback_trial_changelist")).text
    assert "0 trials" in trials
    ListeningTest.objects.filter(pk=test.pk).update(state="completed")
    assert results(actor=curator, test=ListeningTest.objects.get(pk=test.pk)).votes == 12
    assert standings(actor=curator).votes == 12
    assert "12 trials" in client.get(reverse("admin:feedback_trial_changelist")).text


def test_a_test_that_decided_something_is_not_opened_again(policy, curator, sound):
    promotion = open_promotion(adapter=AdapterFactory(), actor=curator)
    vote_all(promotion, wins=10, losses=10)
    decided(promotion)
    with pytest.raises(WrongState, match="Begin another one"):
        reopen_test(actor=curator, test=ListeningTest.objects.get(pk=promotion.test_id), votes_wanted=100)


def test_the_policy_says_how_many_votes_of_one_rater_win():
    from feedback.statistics.pooling import log_evidence
    from feedback.statistics.tests.voting import cast

    def likelier(wins: int) -> float:
        return math.exp(log_evidence(cast(wins, 48 - wins, raters=1, prompts=24), "x", "y"))

    assert likelier(35) < WANTED <= likelier(36)
    assert "36 must be won" in PromotionPolicy._meta.get_field("votes_wanted").help_text


def test_a_guard_that_fails_promotes_nothing(policy, curator, monkeypatch):
    monkeypatch.setattr(promotions, "measure_guards", lambda promotion: Guards({"diversity": Figure(0.2, 0.9)}))
    promotion = open_promotion(adapter=AdapterFactory(), actor=curator)
    vote_all(promotion, wins=20, losses=0)
    assert decided(promotion).outcome == "declined" and "too alike" in promotion.reason
    assert promotion.guards["hold"] is False and not Adapter.objects.filter(is_default=True).exists()


def test_a_chain_of_rounds_cannot_walk_past_a_limit_in_small_steps(policy, curator, monkeypatch):
    step = {**SOUND.figures, "noise": Figure(0.412, 0.4)}
    monkeypatch.setattr(promotions, "measure", lambda **clips: Guards(step))
    monkeypatch.setattr(promotions, "adapter_spec", lambda adapter: None)
    first = AdapterFactory()
    for number, outcome in enumerate(("promoted", "declined")):
        adapter = AdapterFactory(base_model=first.base_model, parent=first) if number else first
        promotion = open_promotion(adapter=adapter, actor=curator)
        vote_all(promotion, wins=20, losses=0)
        assert decided(promotion).outcome == outcome
    assert promotion.reason.startswith(
        "Noise: with the adapters it goes on from it has used up 120% of what is allowed"
    )
    assert promotion.guards["hold"] is False and Adapter.objects.default_of(first.base_model) == first


def test_a_run_says_beforehand_what_its_blind_test_will_cost(client, curator):
    client.force_login(curator)
    page = reverse("run-new", args=[TrainingRunFactory().experiment_id])
    assert "48 clips are made for it" not in (html := client.get(page).content.decode())
    assert "96 clips are made for it, and at most 48 votes asked for" in html
    set_policy(actor=curator, suite=None, votes_wanted=48)
    assert "No suite is chosen for such tests" in client.get(page).content.decode()


def test_a_step_that_no_test_measured_hides_nothing_that_was_before_it(policy, curator, monkeypatch):
    monkeypatch.setattr(promotions, "measure", lambda **clips: Guards({"noise": Figure(0.412, 0.4)}))
    monkeypatch.setattr(promotions, "adapter_spec", lambda adapter: None)
    first = AdapterFactory()
    promotion = open_promotion(adapter=first, actor=curator)
    vote_all(promotion, wins=20, losses=0)
    assert decided(promotion).outcome == "promoted"
    untested = AdapterFactory(base_model=first.base_model, parent=first)
    assert promotions.used_by(untested) == {"noise": pytest.approx(0.6)} == promotions.used_by(first)
    assert promotions.used_by(AdapterFactory()) == promotions.used_by(None) == {}


def test_a_programs_votes_choose_no_default(policy, curator, sound):
    program = UserFactory()
    RaterProfile.objects.create(user=program, kind=RaterProfile.Kind.SYNTHETIC)
    promotion = open_promotion(adapter=AdapterFactory(), actor=curator)
    vote_all(promotion, wins=20, losses=0, rater=program)
    assert decided(promotion).outcome == "declined" and "program" in promotion.reason
    assert promotion.win_rate == 1.0 and not Adapter.objects.filter(is_default=True).exists()


def test_a_default_it_was_not_compared_with_stays(policy, curator, sound):
    adapter = AdapterFactory()
    promotion = open_promotion(adapter=adapter, actor=curator)
    rival = AdapterFactory(base_model=adapter.base_model)
    make_default(adapter=rival, actor=curator)
    vote_all(promotion, wins=18, losses=2)
    assert decided(promotion).outcome == "declined" and rival.label in promotion.reason
    assert Adapter.objects.default_of(adapter.base_model) == rival


def test_nothing_is_decided_early_or_twice(policy, curator, sound):
    promotion = open_promotion(adapter=AdapterFactory(), actor=curator)
    assert decided(promotion).is_open
    vote_all(promotion, wins=19, losses=1)
    stale = Promotion.objects.get()
    assert decided(promotion).outcome == "promoted"
    roll_back(adapter=promotion.adapter, actor=curator)
    decide(stale)
    decide_waiting("host:1:1")
    assert not Adapter.objects.filter(is_default=True).exists()


@pytest.mark.parametrize("gone", ["adapter", "test", "closed"])
def test_what_was_taken_away_meanwhile_is_withdrawn(policy, curator, sound, gone):
    promotion = open_promotion(adapter=AdapterFactory(), actor=curator)
    if gone == "adapter":
        deactivate_adapter(adapter=promotion.adapter, actor=curator)
    elif gone == "test":
        delete_test(actor=curator, test=promotion.test)
    else:
        close_test(actor=curator, test=promotion.test)
    assert decided(promotion).outcome == ("declined" if gone == "closed" else "withdrawn") and promotion.reason


def test_an_ended_test_is_work_that_a_training_worker_finds(policy, curator, sound):
    promotion = open_promotion(adapter=AdapterFactory(), actor=curator)
    assert work.oldest_waiting("training") is None
    vote_all(promotion, wins=19, losses=1)
    assert work.oldest_waiting("training") == promotion
    import_string(promotion.task)(str(promotion.pk))
    promotion.refresh_from_db()
    assert (promotion.outcome, promotion.state, promotion.attempts) == ("promoted", "decided", 0)
    assert promotion.decided_at and work.oldest_waiting("training") is None


def test_a_late_worker_decides_nothing_beside_the_one_that_took_over(policy, curator, sound):
    promotion = open_promotion(adapter=AdapterFactory(), actor=curator)
    vote_all(promotion, wins=19, losses=1)
    late = Promotion.objects.get()
    assert late.claim("dead:1:1") and work.take_up_left_behind() == 1
    decide(late)
    promotion.refresh_from_db()
    assert promotion.is_open and not Adapter.objects.filter(is_default=True).exists()
    assert decided(promotion).outcome == "promoted"
    roll_back(adapter=promotion.adapter, actor=curator)
    decide(late)
    assert not Adapter.objects.filter(is_default=True).exists()


def test_clips_that_cannot_be_read_put_the_decision_off(policy, curator, monkeypatch):
    def away(promotion):
        raise StorageUnavailable("The store does not answer.")

    promotion = open_promotion(adapter=AdapterFactory(), actor=curator)
    vote_all(promotion, wins=19, losses=1)
    with monkeypatch.context() as broken:
        broken.setattr(promotions, "measure_guards", away)
        assert decided(promotion).is_open
    assert (promotion.state, promotion.attempts, promotion.worker) == ("open", 0, "")
    assert promotion.queued_at > timezone.now() and work.oldest_waiting("training") is None
    monkeypatch.setattr(promotions, "measure_guards", lambda promotion: SOUND)
    Promotion.objects.update(queued_at=timezone.now())
    assert decided(promotion).outcome == "promoted"


def test_one_that_cannot_be_decided_is_withdrawn_and_the_adapter_can_be_tested_again(policy, curator, monkeypatch):
    def broken(promotion):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(promotions, "measure_guards", broken)
    promotion = open_promotion(adapter=AdapterFactory(), actor=curator)
    vote_all(promotion, wins=19, losses=1)
    assert decided(promotion).outcome == "withdrawn" and "could not be decided" in promotion.reason
    assert promotion.state == "failed" and "secret" not in promotion.reason + promotion.error and promotion.decided_at
    assert open_promotion(adapter=promotion.adapter, actor=curator).is_open


def test_a_policy_needs_a_frozen_suite_that_is_large_enough(curator):
    open_suite = PromptSuiteFactory(prompts=[PromptFactory() for _ in range(5)])
    with pytest.raises(ValidationError, match="still open"):
        set_policy(actor=curator, suite=open_suite, votes_wanted=20)
    suite = PromptSuiteFactory(prompts=[PromptFactory() for _ in range(5)], frozen=True)
    with pytest.raises(ValidationError, match="at most 20"):
        set_policy(actor=curator, suite=suite, votes_wanted=21)
    with pytest.raises(ValidationError):
        set_policy(actor=curator, suite=suite, votes_wanted=3)
    with pytest.raises(Forbidden):
        set_policy(actor=UserFactory(), suite=suite, votes_wanted=20)
    assert not PromotionPolicy.objects.exists()


def test_a_new_studio_tests_on_the_starter_suite():
    policy = current_policy()
    assert policy == current_policy() and policy.suite.name == "Starter suite" and policy.suite.is_frozen
    assert policy.suite.items.count() == len(PROMPTS) == 24 and policy.samples_per_prompt == 2
    policy.full_clean(validate_unique=False)
    assert starter_suite() == policy.suite and Prompt.objects.count() == 24
    assert not Prompt.objects.outside_suites().exists(), "they never enter a training dataset"


def test_a_trained_adapter_is_tested_by_itself_and_measured_on_real_clips(
    experiment, user, curator, settings, clap_folder
):
    from generation.engine import EngineCache
    from generation.jobs.worker import drain as generate

    BaseModel.objects.update(max_duration=4, recommended_duration=4)
    suite = PromptSuiteFactory(prompts=[PromptFactory() for _ in range(3)], frozen=True)
    set_policy(actor=curator, suite=suite, votes_wanted=10)
    run = start_run(experiment=experiment, actor=user)
    silent = start_run(experiment=experiment, actor=user, blind_test=False)
    assert worker.drain("host:1:1") == 2
    run.refresh_from_db()
    silent.refresh_from_db()
    promotion = Promotion.objects.get()
    assert promotion.adapter == run.adapter and promotion.opened_by is None and silent.adapter is not None
    assert "A blind test against Tiny alone is open" in run.log_lines.last().text

    GenerationJob.objects.update(duration=1, num_samples=2)
    generate(EngineCache(), "host:1:2")
    assert {*GenerationJob.objects.values_list("state", "error")} == {("completed", "")}
    collect_pairs(promotion.test)
    pairs = list(promotion.test.pairs.filter(kind="regular"))
    for pair in pairs * 2:
        voted(pair, winner="x")
    ListeningTest.objects.update(state="completed")
    decided(promotion)
    figures = promotion.guards["figures"]
    left_out = {"tempo", "fit"}  # no prompt asks for a tempo, no audio-text model is installed
    assert figures.keys() == {rule.key for rule in RULES} - left_out
    assert 0.01 < abs(figures["drift"]["value"]) < 5, "six steps moved it"
    assert 0 < figures["diversity"]["base"] <= 1 and figures["clipped"]["value"] is not None
    assert 0 < figures["noise"]["base"] < 1 and figures["adherence"]["base"] is not None
    assert promotion.win_rate == 1.0 and promotion.outcome in ("promoted", "declined")
    assert promotion.guards["hold"] is (promotion.outcome == "promoted")

    settings.CLAP_DIR = clap_folder
    assert promotions.measure_guards(promotion).figures.keys() == {rule.key for rule in RULES} - {"tempo"}
    twin = Promotion(adapter=silent.adapter, opponent=run.adapter, test=promotion.test)
    assert promotions.measure_guards(twin).figures["drift"].value == 0, (
        "equal weights: it did not move from its opponent"
    )


# -- pages and API ---------------------------------------------------------------------------------------------------


def test_only_curators_know_what_an_open_test_compares(policy, curator, client):
    promotion = open_promotion(adapter=AdapterFactory(), actor=curator)
    rater, url = UserFactory(), reverse("adapter-detail", args=[promotion.adapter_id])
    client.force_login(rater)
    page = client.get(url).content.decode()
    assert str(promotion.test_id) not in page and "being tested blind" in page
    assert caller(rater).get("/api/v1/promotions/").json()["count"] == 0
    assert caller(rater).get(f"/api/v1/promotions/{promotion.pk}/").status_code == 404
    client.force_login(curator)
    assert str(promotion.test_id) in client.get(url).content.decode()
    assert caller(curator).get("/api/v1/promotions/").json()["results"][0]["outcome"] == "open"


def test_the_api_opens_a_test_and_sets_the_policy(curator):
    api, member = caller(curator), caller(UserFactory())
    suite = PromptSuiteFactory(prompts=[PromptFactory() for _ in range(5)], frozen=True)
    body = {"suite": str(suite.pk), "votes_wanted": 20}
    assert member.put("/api/v1/promotions/policy/", body).status_code == 403
    assert api.put("/api/v1/promotions/policy/", {**body, "votes_wanted": 21}).status_code == 400
    assert api.put("/api/v1/promotions/policy/", body).json()["votes_wanted"] == 20
    assert member.get("/api/v1/promotions/policy/").json()["suite"] == str(suite.pk)
    adapter = AdapterFactory()
    assert member.post("/api/v1/promotions/", {"adapter": str(adapter.pk)}).status_code == 403
    made = api.post("/api/v1/promotions/", {"adapter": str(adapter.pk)})
    assert made.status_code == 201 and made.json()["outcome"] == "open" and made.json()["opponent"] is None
    again = api.post("/api/v1/promotions/", {"adapter": str(adapter.pk)})
    assert again.status_code == 409 and "goes on already" in str(again.json())


def test_the_policy_page_keeps_what_was_typed_and_says_what_is_wrong(policy, curator, client):
    url = reverse("promotion-policy")
    client.force_login(UserFactory())
    assert client.get(url).status_code == 200 and client.post(url, {}).status_code == 403
    client.force_login(curator)
    refused = client.post(url, {"suite": policy.suite_id, "votes_wanted": 21})
    assert refused.status_code == 400 and "at most 20 pairs" in refused.content.decode()
    assert 'value="21"' in refused.content.decode()
    assert client.post(url, {"suite": "", "votes_wanted": 30}).status_code == 302
    assert current_policy().suite is None and current_policy().set_by == curator


def test_the_button_opens_a_test(policy, curator, client):
    adapter = AdapterFactory(base_model=BaseModelFactory())
    url = reverse("promotion-open", args=[adapter.pk])
    client.force_login(UserFactory())
    assert client.post(url).status_code == 403
    client.force_login(curator)
    page = client.post(url, follow=True).content.decode()
    assert "A blind test against" in page and Promotion.objects.get().opened_by == curator
    assert "goes on already" in client.post(url, follow=True).content.decode()
