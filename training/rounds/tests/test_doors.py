"""Rounds through pages, API, admin and command: who may what, and that nothing is lost on the way."""

from __future__ import annotations

import re

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from adapters.tests.factories import AdapterFactory
from feedback.listening_tests.pairs import collect_pairs
from feedback.listening_tests.services.creation import DEFAULT_PRESET
from feedback.listening_tests.services.lifecycle import close_test
from feedback.listening_tests.tests.listening import finish_jobs
from feedback.models import Preference
from generation.jobs.presets import PRESET_BY_KEY
from generation.tests.factories import AudioSampleFactory
from prompts.tests.factories import PromptFactory, PromptSuiteFactory
from text2song.pages.next_step import next_step
from text2song.tests.clients import caller
from text2song.tests.factories import UserFactory
from text2song.workforce import Workforce
from training.models import Round
from training.rounds.pairs import all_pairs, is_by_lot, next_pair
from training.rounds.progress import advance
from training.rounds.services import cancel_round, go_on, pause_round
from training.rounds.story import agreement, told, understood
from training.rounds.tests.factories import (
    at,
    base,
    begun,
    built,
    clips,
    complete,
    end,
    fitted,
    judge,
    make_clips,
    own_prompts,
    score,
    taste_of,
    trained,
)

pytestmark = pytest.mark.django_db
FORM = {"source": "own", "votes_wanted": 50, "clips_per_prompt": 6, "max_clips": 400, "max_minutes": 60}


def words(answer) -> str:
    return " ".join(answer.content.decode().split())


def address(name: str, round_: Round) -> str:
    return reverse(name, args=[round_.pk])


def stranger() -> Client:
    client = Client()
    client.force_login(UserFactory())
    return client


# -- pages -----------------------------------------------------------------------------------------------------------


def test_the_empty_page_teaches_and_leads_to_the_form(page):
    html = words(page.get(reverse("rounds")))
    assert "Teach it what you like" in html and reverse("round-new") in html
    assert 'href="/teach/"' in words(page.get("/")), "it stands in the sidebar"


def test_a_round_is_begun_by_the_form(page, user):
    base()
    assert "All prompts I wrote" not in words(page.get(reverse("round-new"))), "there is none"
    own_prompts(user)
    assert "All prompts I wrote" in words(page.get(reverse("round-new")))
    answer = page.post(reverse("round-new"), FORM | {"by_itself": "on"})
    round_ = Round.objects.get()
    assert answer.url == address("round-detail", round_)
    assert (round_.votes_wanted, round_.clips_per_prompt, round_.max_minutes, round_.by_itself) == (50, 6, 60, True)
    assert round_.prompts.count() == 4 and "0 of 24 clips" in words(page.get(answer.url))


def test_a_form_that_is_refused_says_why_and_keeps_what_was_typed(page, user):
    base()
    prompts = own_prompts(user)
    picked = FORM | {"source": "picked", "prompts": [prompts[0].pk]}
    answer = page.post(reverse("round-new"), picked | {"max_minutes": 77})
    assert answer.status_code == 400 and "held out to judge on" in words(answer)
    assert 'value="77"' in words(answer) and re.search(rf'value="{prompts[0].pk}"[^>]*checked', words(answer))
    for wrong, sentence in (
        ({"source": "picked"}, "Pick the prompts"),
        ({"source": "drawn"}, "Say how many"),
        ({"votes_wanted": 7}, "Select a valid choice"),
        ({"max_clips": 0}, "greater than or equal to 1"),
        ({"prompts": ["x"]}, "gone, or is in a suite|not a valid"),
        ({"suite": "x"}, "cannot be chosen|not a valid"),
    ):
        answer = page.post(reverse("round-new"), FORM | wrong)
        assert answer.status_code == 400 and re.search(sentence, words(answer)), wrong
    assert not Round.objects.exists()


def test_pairs_are_judged_one_after_the_other(page, user):
    round_ = begun(user)
    assert address("round-judge", round_) not in words(page.get(address("round-detail", round_))), (
        "there is no clip yet"
    )
    assert page.get(address("round-judge", round_)).url == address("round-detail", round_)
    make_clips(round_)
    assert address("round-judge", round_) in words(page.get(address("round-detail", round_)))
    seen = set()
    for left in (3, 2, 1, 0):
        html = words(page.get(address("round-judge", round_)))
        pair = next_pair(round_)
        seen.add(pair.first.job.prompt_id)
        assert all(f'value="{clip.pk}"' in html for clip in pair.samples)
        sent = {"sample_a": pair.first.pk, "sample_b": pair.second.pk, "winner": "b", "strength": "4"}
        answer = page.post(address("round-judge", round_), sent)
        assert answer.url == address("round-judge" if left else "round-detail", round_)
    assert len(seen) == 4, "votes are spread over prompts"
    votes = Preference.objects.filter(rater=user)
    assert {(vote.winner, vote.strength) for vote in votes} == {("b", 4)} and votes.count() == 4
    assert Round.objects.get().step == "fitting"


def test_an_answer_that_says_nothing_is_asked_again(page, user):
    round_ = make_clips(begun(user))
    pair = next_pair(round_)
    sent = {"sample_a": pair.first.pk, "sample_b": pair.second.pk}
    answer = page.post(address("round-judge", round_), sent)
    assert answer.status_code == 400 and "Say which one is better." in words(answer)
    assert page.post(address("round-judge", round_), {"winner": "a"}).status_code == 302
    foreign = clips(make_clips(begun(UserFactory())))[:2]
    sent = {"sample_a": foreign[0].pk, "sample_b": foreign[1].pk, "winner": "a"}
    assert "not among the round" in words(page.post(address("round-judge", round_), sent))
    assert not Preference.objects.exists()


def test_judging_tells_nothing_of_what_a_taste_says(page, user):
    """Neither its score nor what it likes, while the owner is about to judge."""
    first = begun(user)
    earlier = taste_of(first)
    cancel_round(actor=user, round_=first)
    round_ = make_clips(begun(user))
    assert round_.earlier_taste == earlier
    score(round_, earlier)
    judge(round_, votes=2)
    now = Round.objects.with_context().get(pk=round_.pk)
    assert agreement(now) is None and understood(now) is None and told(now, user).agreement is None
    for name in ("round-detail", "round-judge", "round-status"):
        html = words(page.get(address(name, round_)))
        assert "foretold" not in html and "likes" not in html and "like these most" not in html, name


def test_it_tells_what_it_understood_and_offers_more_votes(page, user):
    round_ = fitted(judge(make_clips(begun(user))), usable=False)
    score(round_)
    html = words(page.get(address("round-detail", round_)))
    assert "80 %" in html and "70 % to 88 %" in html and "cannot be relied on yet" in html and "40 more votes" in html
    best, worst = clips(round_)[-1], clips(round_)[0]
    assert html.index(f"player-{best.pk}") < html.index(f"player-{worst.pk}")
    shown = understood(Round.objects.get())
    prompts = [[clip.job.prompt_id for clip in side] for side in (shown.liked, shown.disliked)]
    assert [len(set(side)) for side in prompts] == [3, 3], "of three prompts each"
    assert "Train on this taste" not in html and "Train on your votes alone" in html
    assert page.post(address("round-go-on", round_), {"trains_on": "taste"}).status_code == 302
    assert Round.objects.get().step == "understood"
    page.post(address("round-more", round_), {"votes": "x"})
    assert Round.objects.get().step == "understood"
    page.post(address("round-more", round_), {"votes": "3"})
    assert (Round.objects.get().step, Round.objects.get().votes_wanted) == ("making", 7)


def test_a_failure_is_told_with_a_button_that_tries_again(page, user):
    round_ = begun(user)
    end(round_.jobs.first(), state="failed", error="The disk is full.", finished_at=timezone.now())
    advance(round_.pk)
    html = words(page.get(address("round-detail", round_)))
    assert (
        "The disk is full." in html and "Try again" in html and "hx-get" not in html.split('id="round-status"')[1][:400]
    )
    page.post(address("round-go-on", round_))
    assert Round.objects.get().state == "active"


def test_judging_counts_votes_while_clips_are_still_made(page, user):
    round_ = begun(user, votes_wanted=2)
    job = round_.jobs.first()
    for index in range(3):
        AudioSampleFactory(job=job, index=index)
    complete(job)
    assert address("round-judge", round_) in words(page.get(address("round-detail", round_)))
    for given in range(2):
        html = words(page.get(address("round-judge", round_)))
        assert f"<title>Which do you prefer? {given} of 2 votes" in html and f"{given} of 2 votes</span>" in html
        first, second = next_pair(round_).samples
        page.post(address("round-judge", round_), {"sample_a": first.pk, "sample_b": second.pk, "winner": "a"})
    answer = page.get(address("round-judge", round_), follow=True)
    assert answer.redirect_chain and "nothing to judge until more clips are made" in words(answer)
    assert address("round-judge", round_) not in words(answer), "no link that leads back here"


def test_the_form_tells_what_the_next_round_begins_with(page, user):
    model = base()
    assert f"It begins with {model.display_name} alone." in words(page.get(reverse("round-new")))
    adapter = AdapterFactory(base_model=model, is_default=True)
    assert f"It begins with {adapter.label}." in words(page.get(reverse("round-new")))


def test_the_blind_test_tells_how_far_it_is_and_leads_back(page, user, understood):
    round_ = at(trained(built(understood)), "testing")
    test = round_.promotion.test
    listen = reverse("test-listen", args=[test.pk])
    html = words(page.get(address("round-detail", round_)))
    assert "0 of 48 clips for the blind test" in html and "are being made" in html and listen not in html
    assert not round_.asks_its_owner, "there is nothing to judge yet"
    assert f'href="{address("round-detail", round_)}">Back to round 1' in words(page.get(listen)), "no dead end"
    assert "Back to round" not in words(stranger().get(listen))
    finish_jobs(test)
    assert "48 of 48 clips for the blind test" in words(page.get(address("round-detail", round_)))
    collect_pairs(test)
    html = words(page.get(address("round-detail", round_)))
    assert listen in html and re.search(r"0 of \d+ trials", html) and "Go to the blind test" in html
    assert at(round_, "testing").asks_its_owner
    close_test(actor=None, test=test)
    html = words(page.get(address("round-detail", round_)))
    assert "The votes are in." in html and listen not in html


def test_pause_and_cancel_ask_and_name_what_stays(page, user):
    round_ = make_clips(begun(user))
    judge(round_, votes=1)
    page.post(address("round-pause", round_))
    assert Round.objects.get().state == "paused"
    html = words(page.get(address("round-cancel", round_)))
    assert "8 clips" in html and "1 vote" in html and Round.objects.get().state == "paused"
    page.post(address("round-cancel", round_))
    assert Round.objects.get().state == "cancelled"
    assert "cannot be paused" in words(page.post(address("round-pause", round_), follow=True))


HTMX = {"HX-Request": "true"}


def polled_by(html: str) -> str:
    return re.search(r'hx-get="([^"]+/[0-9a-f-]{36}/status[^"]+)"', html)[1]


def test_polling_brings_all_that_changed_once_the_step_is_another(page, user):
    round_ = begun(user)
    polled = polled_by(words(page.get(address("round-detail", round_))))
    assert "oob" not in words(page.get(polled, headers=HTMX)), "nothing changed but how far it is"
    make_clips(round_)
    html = words(page.get(polled, headers=HTMX))
    assert "<title>Judge pairs: Round 1 of rita" in html and 'id="round-judge"' in html
    assert re.search(r'innerHTML:#round-said">Judge pairs: .{0,90}Waits for you', html), "a screen reader says so"
    for part in ("round-decision", "round-taught", "round-made"):
        assert f'innerHTML:#{part}"' in html and f'id="{part}"' in words(page.get(address("round-detail", round_)))
    assert "hx-get" not in words(page.get(address("round-status", round_))), "nothing moves while its owner judges"


def test_what_the_votes_taught_is_not_swapped_while_it_may_be_played(page, user, understood):
    polled = polled_by(words(page.get(address("round-detail", understood))))
    built(understood)
    html = words(page.get(polled, headers=HTMX))
    assert "<title>Train: " in html and "#round-made" in html and "#round-taught" not in html


@pytest.mark.parametrize("name", ["round-detail", "round-status", "round-judge", "round-cancel"])
def test_others_see_nothing_of_it(user, name):
    round_ = make_clips(begun(user))
    assert stranger().get(address(name, round_)).status_code == 404
    assert str(round_.pk) not in words(stranger().get(reverse("rounds")))


@pytest.mark.parametrize("name", ["round-go-on", "round-more", "round-pause", "round-cancel"])
def test_others_change_nothing_of_it(user, name):
    round_ = begun(user)
    assert stranger().post(address(name, round_), {"votes": 1}).status_code == 404
    assert Round.objects.get().state == "active"


def test_curators_see_and_stop_it_and_never_judge_for_its_owner(curator_page, user):
    round_ = make_clips(begun(user))
    assert curator_page.get(address("round-detail", round_)).status_code == 200
    assert curator_page.get(address("round-judge", round_)).status_code == 403
    pair = next_pair(round_)
    sent = {"sample_a": pair.first.pk, "sample_b": pair.second.pk, "winner": "a"}
    assert curator_page.post(address("round-judge", round_), sent).status_code == 403
    curator_page.post(address("round-cancel", round_))
    assert Round.objects.get().told == "Cancelled by carl."


def test_the_overview_leads_back_to_a_round_that_waits(user):
    round_ = make_clips(begun(user))
    step = next_step(user, Workforce())
    assert step.url == address("round-detail", round_) and "Judge pairs" in step.text
    other = UserFactory()
    assert "round" not in next_step(other, Workforce()).title.lower()


# -- what is told ----------------------------------------------------------------------------------------------------


def test_what_is_judged_in_a_round_is_sampled_as_its_blind_test_plays_it(user):
    """What is learned of clips drawn more freely can go the other way where they are played."""
    round_ = make_clips(begun(user))
    wanted = PRESET_BY_KEY[DEFAULT_PRESET].sampling
    assert round_.jobs.exists() and all(job.preset == DEFAULT_PRESET for job in round_.jobs.all())
    assert all({key: getattr(job, key) for key in wanted} == wanted for job in round_.jobs.all())


def test_pairs_never_hold_equal_clips_and_lie_in_one_prompt(user):
    round_ = make_clips(begun(user, clips_per_prompt=4, max_clips=400))
    made = clips(round_)
    made[0].__class__.objects.filter(pk=made[1].pk).update(sha256=made[0].sha256)
    pairs = all_pairs(round_)
    assert len({pair.key for pair in pairs}) == len(pairs) == 4 * 6 - 1
    jobs = {clip.pk: clip.job_id for clip in made}
    assert all(jobs[pair.left] == jobs[pair.right] for pair in pairs)
    assert {made[0].pk, made[1].pk} not in [{pair.left, pair.right} for pair in pairs]


def test_the_earlier_taste_is_measured_on_new_votes_with_what_surprised_it(page, user):
    first = begun(user)
    earlier = taste_of(first)
    cancel_round(actor=user, round_=first)
    round_ = make_clips(begun(user, votes_wanted=60, clips_per_prompt=6))
    score(round_, earlier)
    by_lot = sorted(pair.key for pair in all_pairs(round_) if is_by_lot(pair.key))
    foretold, surprised = set(by_lot[1:]), set()
    while pair := next_pair(round_):
        liked, other = sorted(pair.samples, key=lambda clip: -clip.taste_scores.get(taste=earlier).score)
        won, lost = (liked, other) if pair.key in foretold else (other, liked)
        surprised |= {(won, lost)} - {(liked, other)}
        Preference.objects.create(rater=user, sample_a=won, sample_b=lost, winner="a")
    advance(round_.pk)
    found = agreement(Round.objects.with_context().get(pk=round_.pk))
    assert len(surprised) > 1, "votes on pairs that a taste may have chosen say nothing of it"
    assert (found.right, found.total) == (len(by_lot) - 1, len(by_lot))
    assert found.surprises and {(pair.preferred, pair.scored_higher) for pair in found.surprises} <= surprised
    assert f"foretold {found.right} of the {found.total} votes" in words(page.get(address("round-detail", round_)))


def test_what_came_of_a_round_stands_in_the_history(page, user):
    round_ = fitted(judge(make_clips(begun(user))))
    end(round_.dataset, state="ready", built_at=timezone.now(), content_hash="0" * 64, train_rows=4)
    run = advance(round_.pk).run
    adapter = AdapterFactory(base_model=round_.base_model)
    end(run, state="completed", step=1, total_steps=1, finished_at=timezone.now(), adapter=adapter)
    promotion = advance(round_.pk).promotion
    decided = {"state": "decided", "outcome": "declined", "reason": "The votes are no evidence.", "win_rate": 0.5}
    end(promotion, **decided, decided_at=timezone.now(), guards={"figures": {"silent": {"value": 0.5, "base": 0.0}}})
    advance(round_.pk)
    html = words(page.get(reverse("rounds")))
    assert "Not promoted" in html and "New round" in html
    assert re.search(r"50.{0,8}% of the clips are silent", html)
    html = words(page.get(address("round-detail", round_)))
    assert "The votes are no evidence." in html and "Begin the next round" in html


# -- API, admin, command ---------------------------------------------------------------------------------------------


def test_a_round_goes_through_the_api(user):
    base()
    own_prompts(user)
    client = caller(user)
    suite = PromptSuiteFactory(prompts=[PromptFactory() for _ in range(3)], frozen=True)
    body = {"suite": str(suite.pk), "votes_wanted": 10, "clips_per_prompt": 2, "by_itself": False}
    made = client.post("/api/v1/rounds/", body)
    assert made.status_code == 201, made.content
    url = f"/api/v1/rounds/{made.json()['id']}/"
    assert made.json()["step"] == "making" and made.json()["owner"] == "rita" and made.json()["suite"] == str(suite.pk)
    assert client.post("/api/v1/rounds/", body).json()["code"] == "round_under_way"
    judge(make_clips(Round.objects.get()))
    told = client.get(url).json()
    assert (told["step"], told["state"], told["votes"], told["clips"]) == ("fitting", "waiting", 10, 20)
    assert client.post(f"{url}advance/", {}).json()["state"] == "active"
    assert client.post(f"{url}pause/").json()["state"] == "paused"
    assert client.post(f"{url}advance/", {"trains_on": "taste"}).json()["code"] == "not_now"
    assert client.post(f"{url}more/", {"votes": 0}).status_code == 400
    assert client.post(f"{url}cancel/").json()["state"] == "cancelled"
    assert client.post(f"{url}cancel/").json()["code"] == "round_over"
    assert [row["number"] for row in client.get("/api/v1/rounds/?state=cancelled").json()["results"]] == [1]
    assert client.get("/api/v1/rounds/?state=active").json()["results"] == []


def test_the_api_keeps_rounds_to_their_owners_and_curators(user, curator):
    round_ = begun(user)
    url = f"/api/v1/rounds/{round_.pk}/"
    foreign = caller(UserFactory())
    assert foreign.get(url).status_code == 404 and foreign.get("/api/v1/rounds/").json()["results"] == []
    for action in ("advance", "pause", "cancel", "more"):
        assert foreign.post(f"{url}{action}/", {"votes": 1} if action == "more" else None).status_code == 404
    assert caller(curator).post(f"{url}pause/").json()["state"] == "paused"


def test_curators_act_in_the_admin(curator_page, user):
    round_ = begun(user)
    listed = reverse("admin:training_round_changelist")
    assert "Round 1 of rita" in words(curator_page.get(listed))
    assert curator_page.get(reverse("admin:training_round_change", args=[round_.pk])).status_code == 200
    for action, state in (("pause", "paused"), ("go_on", "active"), ("cancel", "cancelled")):
        curator_page.post(listed, {"action": action, "_selected_action": [round_.pk]})
        assert Round.objects.get().state == state
    answer = curator_page.post(listed, {"action": "cancel", "_selected_action": [round_.pk]}, follow=True)
    assert "The round is over" in words(answer)


def test_the_command_shows_and_advances(user, capsys):
    with pytest.raises(CommandError, match="no user nobody"):
        call_command("teach", user="nobody")
    with pytest.raises(CommandError, match="no round yet"):
        call_command("teach", user="rita")
    round_ = judge(make_clips(begun(user, by_itself=False)))
    call_command("teach", user="rita")
    shown = capsys.readouterr().out
    assert "[x] Judge pairs" in shown and "[>] Learn your taste" in shown and "4 of 4 votes" in shown
    call_command("teach", user="rita", advance=True)
    assert Round.objects.get().fit is not None
    call_command("teach", user="rita", pause=True)
    with pytest.raises(CommandError, match="is chosen when"):
        call_command("teach", user="rita", trains_on="votes")
    go_on(actor=user, round_=round_)
    pause_round(actor=user, round_=round_)
    call_command("teach", user="rita", cancel=True)
    assert "cancelled" in capsys.readouterr().out
