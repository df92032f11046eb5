"""A pair in the listening queue: blind, one voice, passed over on demand, and single clips instead on demand."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from django.test import Client
from django.urls import reverse

from adapters.tests.factories import AdapterFactory
from feedback.models import Preference, RaterProfile
from feedback.models.judgements import set_key
from feedback.services import asking, prefer
from feedback.services.asking import Proposal, Reason, next_pair, proposes_pairs
from feedback.tests.factories import PreferenceFactory
from generation.models import AudioSample, GenerationJob
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from text2song.tests.clients import caller
from text2song.tests.factories import UserFactory

pytestmark = pytest.mark.django_db
LISTEN, ANSWER, MODE = (reverse(name) for name in ("listen", "listen-pair", "listen-mode"))


@pytest.fixture
def samples():
    adapter = AdapterFactory(name="warm-keys")
    job = GenerationJobFactory(completed=True, adapter=adapter, base_model=adapter.base_model)
    return [AudioSampleFactory(job=job, index=index) for index in range(3)]


@pytest.fixture
def proposer(samples, monkeypatch):
    """Proposes the first pair that was neither compared nor passed over."""

    def propose(rater, skipped):
        done = set(Preference.objects.filter(rater=rater).values_list("pair_key", flat=True)) | set(skipped)
        for one, other in combinations(sorted(sample.pk for sample in samples), 2):
            if set_key((one, other)) not in done:
                return Proposal((one, other), Reason.TEACHES)
        return None

    monkeypatch.setattr(asking, "_proposers", [])
    proposes_pairs(propose)
    return propose


def shown(client):
    return client.get(LISTEN).context["turn"].pair


def body(pair, choice):
    return {"first": pair.first.pk, "second": pair.second.pk, "choice": choice}


@pytest.mark.parametrize(
    ("choice", "winner"), [("first", "a"), ("second", "b"), ("tie", "tie"), ("both_bad", "both_bad")]
)
def test_an_answer_is_kept_as_it_was_shown_and_the_next_pair_comes(page, user, proposer, choice, winner):
    pair = shown(page)
    answer = page.post(ANSWER, body(pair, choice))
    assert (answer.status_code, answer.url) == (302, LISTEN)
    kept = Preference.objects.get()
    assert (kept.sample_a, kept.sample_b, kept.winner, kept.rater) == (pair.first, pair.second, winner, user)
    assert kept.source == "direct"
    assert shown(page).key != pair.key


def test_when_no_pair_is_left_single_clips_come_as_before(page, proposer):
    for _ in range(3):
        page.post(ANSWER, body(shown(page), "tie"))
    turn = page.get(LISTEN).context["turn"]
    assert turn.pair is None and turn.sample is None, "all three were judged by comparing"
    AudioSampleFactory(job=GenerationJobFactory(completed=True))
    assert page.get(LISTEN).context["turn"].sample is not None


def test_the_page_tells_nothing_of_what_made_them(page, samples, proposer):
    html = page.get(LISTEN).content.decode()
    job = samples[0].job
    told = re.search(r"<main.*</main>", html, re.DOTALL)[0]
    words = {"warm-keys", job.base_model.display_name, job.short_id, str(job.pk), str(job.seed), "sample-detail"}
    words |= {sample.short_id + " " for sample in samples} | {f"/samples/{sample.pk}/" for sample in samples}
    words |= {"Sample A", "Sample B", "score"}
    assert not {word for word in words if word in told}
    assert "The studio is unsure about these two: your answer teaches it most." in told
    assert job.prompt.rendered_text in told


def test_a_random_pair_says_so(page, samples, monkeypatch):
    proposal = Proposal((samples[0].pk, samples[1].pk), Reason.RANDOM)
    monkeypatch.setattr(asking, "_proposers", [lambda rater, skipped: proposal])
    assert "A random pair, to check that it learns." in page.get(LISTEN).content.decode()


def test_sides_are_by_lot_and_stay_for_a_rater(samples, proposer):
    firsts = []
    for _ in range(24):
        rater = UserFactory()
        pair = next_pair(rater=rater)
        again = next_pair(rater=rater)
        assert (pair.first, pair.second) == (again.first, again.second)
        firsts.append(pair.first.pk)
    assert 4 < firsts.count(firsts[0]) < 20


def test_a_pair_passed_over_does_not_come_again_and_no_voice_is_kept(page, proposer):
    seen = set()
    while (pair := shown(page)) is not None:
        assert pair.key not in seen
        seen.add(pair.key)
        page.post(ANSWER, body(pair, "skip"))
    assert len(seen) == 3 and not Preference.objects.exists()
    assert page.get(LISTEN).context["turn"].sample is not None


def test_two_tabs_and_a_double_post_are_one_voice(page, proposer):
    pair = shown(page)
    for choice in ("first", "first", "second"):
        assert page.post(ANSWER, body(pair, choice)).status_code == 302
    assert Preference.objects.get().winner == "b"


def test_single_clips_instead_and_back_within_the_session(page, user, proposer):
    assert "Rate single clips instead" in page.get(LISTEN).content.decode()
    assert page.post(MODE, {"singles": "on"}).url == LISTEN
    html = page.get(LISTEN).content.decode()
    assert shown(page) is None and "How much do you like it?" in html and "Compare pairs instead" in html
    other = Client()
    other.force_login(user)
    assert shown(other) is not None
    page.post(MODE)
    assert shown(page) is not None


def test_nothing_is_asked_without_anybody_who_proposes(page, samples, monkeypatch):
    monkeypatch.setattr(asking, "_proposers", [])
    html = page.get(LISTEN).content.decode()
    assert "How much do you like it?" in html and "Which is better?" not in html and "single clips instead" not in html


def test_what_may_not_be_shown_or_was_compared_is_never_asked(page, user, samples, monkeypatch):
    monkeypatch.setattr(asking, "_proposers", [lambda r, s: Proposal((samples[0].pk, samples[1].pk), Reason.TEACHES)])
    assert shown(page) is not None
    GenerationJob.objects.update(withheld=True)
    assert shown(page) is None
    GenerationJob.objects.update(withheld=False)
    AudioSample.objects.filter(pk=samples[0].pk).update(deleted_at="2026-01-01T00:00:00Z")
    assert shown(page) is None
    AudioSample.objects.update(deleted_at=None)
    prefer(sample_a=samples[1], sample_b=samples[0], winner="tie", rater=user)
    assert shown(page) is None


def test_a_refused_answer_is_told_and_what_was_said_blind_stands(page, user, samples, proposer):
    pair = shown(page)
    blind = PreferenceFactory(rater=user, sample_a=pair.first, sample_b=pair.second, winner="tie")
    from feedback.tests.factories import TrialFactory

    Preference.objects.filter(pk=blind.pk).update(source="trial", trial=TrialFactory(rater=user))
    answer = page.post(ANSWER, body(pair, "first"))
    assert answer.status_code == 400 and "blind listening test" in answer.content.decode()
    assert "warm-keys" not in re.search(r"<main.*</main>", answer.content.decode(), re.DOTALL)[0]
    assert Preference.objects.get(pk=blind.pk).winner == "tie"


@pytest.mark.parametrize("change", [{"choice": "third"}, {"first": "x" * 5000}, {"second": ""}])
def test_garbage_is_answered_with_a_sentence(page, proposer, change):
    answer = page.post(ANSWER, body(shown(page), "first") | change)
    assert answer.status_code == 400 and "Choose again." in answer.content.decode()
    assert not Preference.objects.exists()
    assert page.get(ANSWER).status_code == 405 == page.get(MODE).status_code


def test_clips_of_two_prompts_or_one_clip_twice_are_no_pair(page, samples, proposer):
    other = AudioSampleFactory(job=GenerationJobFactory(completed=True))
    for second in (other.pk, samples[0].pk):
        answer = page.post(ANSWER, {"first": samples[0].pk, "second": second, "choice": "first"})
        assert answer.status_code == 400
    assert not Preference.objects.exists()


def test_guests_get_tests_alone(samples, proposer):
    guest = UserFactory()
    guest.set_unusable_password()
    guest.save()
    RaterProfile.objects.create(user=guest, kind=RaterProfile.Kind.GUEST)
    client = Client()
    client.force_login(guest)
    for address in (LISTEN, reverse("api-listen-next")):
        assert client.get(address).status_code == 403
    assert client.post(ANSWER, {}).status_code == 403


def test_the_api_tells_the_same_pair_without_names(user, samples, proposer):
    api = caller(user)
    told = api.get("/api/v1/listen/next/").json()
    pair = next_pair(rater=user)
    assert [clip["id"] for clip in told["pair"]["samples"]] == [str(pair.first.pk), str(pair.second.pk)]
    assert set(told["pair"]["samples"][0]) == {"id", "duration", "stream_url"}
    assert told["pair"]["reason"] == "teaches" and told["sample"] is None and told["test"] is None
    assert (told["judged"], told["total"]) == (0, 3)
    second = api.get("/api/v1/listen/next/", {"skipped": told["pair"]["key"]}).json()
    assert second["pair"]["key"] != told["pair"]["key"]
    alone = api.get("/api/v1/listen/next/?singles=true").json()
    assert alone["pair"] is None and alone["sample"]["id"] in {str(sample.pk) for sample in samples}
    answer = {"kind": "preference", "sample_a": str(pair.first.pk), "sample_b": str(pair.second.pk), "winner": "a"}
    assert api.post("/api/v1/feedback/", answer).status_code == 201
    assert api.get("/api/v1/listen/next/").json()["pair"]["key"] != told["pair"]["key"]
    assert api.get("/api/v1/listen/next/?singles=perhaps").status_code == 400
