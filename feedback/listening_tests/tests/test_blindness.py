"""Everything a rater can fetch before the vote, searched for anything that tells the clips apart."""

from __future__ import annotations

import io
import re
import struct

import pytest
import soundfile
from django.test import Client
from django.urls import reverse

from feedback.listening_tests.services import lifecycle, trials
from feedback.listening_tests.tests.listening import HEARD, let_pass, names_of, running
from feedback.models import Trial
from generation.models import AudioSample
from text2song.tests.factories import UserFactory

pytestmark = pytest.mark.django_db
TELLING_HEADERS = {"etag", "last-modified", "location", "link", "x-amz-request-id"}


@pytest.fixture
def test_():
    return running(prompts=3, arms=2, samples_per_prompt=2, gold_share=0.3, repeat_share=0.3, seed=123456)


@pytest.fixture
def trial(test_, user):
    return trials.next_trial(rater=user, test=test_)


def text_of(answer) -> str:
    """Body and headers as one searchable string; bytes of sound as latin-1."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    return (headers + "\n" + body.decode("latin-1")).lower()


def fetched(page: Client, trial: Trial) -> dict[str, str]:
    """Every answer that belongs to the trial, refused votes and ranges among them."""
    listen = reverse("test-listen", args=[trial.test_id])
    urls = [reverse("trial-audio", args=[token]) for token in (trial.first_token, trial.second_token)]
    vote, heard = (reverse(name, args=[trial.token]) for name in ("trial-vote", "trial-heard"))
    ajax = {"HX-Request": "true"}
    nothing = {"choice": "first", "heard_first": "[]", "heard_second": "[]"}
    Trial.objects.update(first_sent_at=None, second_sent_at=None, heard_first=[], heard_second=[])
    answers = {
        "page": page.get(listen),
        "list": page.get(reverse("tests")),
        "detail": page.get(reverse("test-detail", args=[trial.test_id])),
        "reliability": page.get(reverse("rater-reliability")),
        "leaderboard": page.get(reverse("leaderboard")),
        "refused": page.post(vote, nothing),
        "refused fragment": page.post(vote, nothing, headers=ajax),
        "nonsense": page.post(vote, {"choice": "x"}, headers=ajax),
        "impossible": page.post(heard, {"heard_first": "[[0, 900]]", "heard_second": "[]"}),
        "heard": page.post(heard, {"heard_first": "[]", "heard_second": "[]"}),
        "results": page.get(reverse("test-results", args=[trial.test_id])),
        "progress": page.get(reverse("test-progress", args=[trial.test_id])),
        "api list": page.get("/api/v1/listening-tests/"),
        "api test": page.get(f"/api/v1/listening-tests/{trial.test_id}/"),
        "api results": page.get(f"/api/v1/listening-tests/{trial.test_id}/results/"),
        "api next": page.post(f"/api/v1/listening-tests/{trial.test_id}/next-trial/"),
        "api trial": page.get(f"/api/v1/trials/{trial.token}/"),
        "api refused": page.post(
            f"/api/v1/trials/{trial.token}/vote/", {"choice": "first"}, content_type="application/json"
        ),
        "api leaderboard": page.get("/api/v1/leaderboard/"),
    }
    for number, url in enumerate(urls, 1):
        answers |= {
            f"audio {number}": page.get(url),
            f"range {number}": page.get(url, headers={"Range": "bytes=0-99"}),
            f"head {number}": page.head(url),
            f"bad range {number}": page.get(url, headers={"Range": "bytes=99999999-"}),
        }
    wrong = {name: answer.status_code for name, answer in answers.items() if answer.status_code >= 500}
    assert not wrong, wrong
    assert [answers[name].status_code for name in ("page", "list", "detail", "api next", "api trial")] == [200] * 5
    assert [answers[name].status_code for name in ("refused", "refused fragment", "impossible")] == [400] * 3
    assert [answers[name].status_code for name in ("results", "api results")] == [403] * 2
    assert not [name for name, answer in answers.items() if TELLING_HEADERS & {h.lower() for h in answer.headers}]
    return {name: text_of(answer) for name, answer in answers.items()}


def test_nothing_a_rater_can_fetch_names_what_they_hear(page, trial):
    told = names_of(trial.test)
    assert len(told) > 40
    for name, text in fetched(page, trial).items():
        found = [word for word in told if word.lower() in text]
        assert not found, f"{name} tells {found}"


def test_the_page_is_the_same_whichever_clip_comes_first(page, trial):
    def pages():
        texts = fetched(page, trial)
        sounds = ("audio", "range", "head")
        mask = re.compile(r"csrf.{0,160}|nonce.{0,60}|date:.*|expires:.*")
        return {name: mask.sub("", text) for name, text in texts.items() if not name.startswith(sounds)}

    before = pages()
    Trial.objects.update(x_is_first=not trial.x_is_first)
    assert pages() == before


def test_the_sound_is_plain_wav_of_equal_size_under_one_name(page, trial):
    answers = [page.get(reverse("trial-audio", args=[token])) for token in (trial.first_token, trial.second_token)]
    bodies = [b"".join(answer.streaming_content) for answer in answers]
    assert bodies[0] != bodies[1]
    assert len(bodies[0]) == len(bodies[1])
    assert dict(answers[0].headers) == dict(answers[1].headers)
    for answer, body in zip(answers, bodies, strict=True):
        assert answer["Content-Type"] == "audio/wav"
        assert answer["Content-Disposition"] == 'inline; filename="sample.wav"'
        assert "no-store" in answer["Cache-Control"] and "private" in answer["Cache-Control"]
        assert body[:4] == b"RIFF" and body[12:16] == b"fmt " and body[36:40] == b"data"
        assert struct.unpack("<I", body[40:44])[0] == len(body) - 44, "nothing follows the sound"
        info = soundfile.info(io.BytesIO(body))
        assert (info.format, info.subtype, info.duration) == ("WAV", "PCM_16", 1.0)


def test_a_range_of_the_sound_is_that_part_of_it(page, trial):
    url = reverse("trial-audio", args=[trial.first_token])
    whole = b"".join(page.get(url).streaming_content)
    part = page.get(url, headers={"Range": "bytes=1000-1999"})
    assert part.status_code == 206
    assert b"".join(part.streaming_content) == whole[1000:2000]
    assert part["Content-Range"] == f"bytes 1000-1999/{len(whole)}"


def test_only_the_rater_of_an_open_trial_hears_it(page, trial, user):
    url = reverse("trial-audio", args=[trial.first_token])
    stranger = Client()
    stranger.force_login(UserFactory(is_staff=True))
    assert stranger.get(url).status_code == 404
    assert Client().get(url).status_code == 302
    assert page.get(reverse("trial-audio", args=[trial.token])).status_code == 404, "the trial's token is no clip's"
    assert page.get(url).status_code == 200
    let_pass(trial)
    vote = {"choice": "tie", "heard_first": str(HEARD), "heard_second": str(HEARD)}
    assert page.post(reverse("trial-vote", args=[trial.token]), vote).status_code == 302
    assert page.get(url).status_code == 404


def test_the_sound_of_a_test_that_is_over_is_gone(page, trial):
    lifecycle.close_test(actor=trial.test.created_by, test=trial.test)
    assert page.get(reverse("trial-audio", args=[trial.first_token])).status_code == 404


def test_only_what_could_be_listened_to_counts_as_sent(page, trial):
    url = reverse("trial-audio", args=[trial.second_token])
    page.head(url)
    page.get(url, headers={"Range": "bytes=0-1"})
    trial.refresh_from_db()
    assert trial.second_sent_at is None
    page.get(url, headers={"Range": "bytes=0-"})
    trial.refresh_from_db()
    assert trial.second_sent_at is not None and trial.first_sent_at is None


def test_the_clips_are_found_nowhere_else_in_the_studio(page, trial):
    """A rater who finds the same sound in the library would read its model there."""
    samples = list(AudioSample.objects.filter(job__arm_job__arm__test=trial.test))
    assert samples
    pages = [reverse(name) for name in ("overview", "library", "jobs", "favorites")]
    pages += ["/api/v1/audio/", "/api/v1/jobs/", "/api/v1/preferences/"]
    pages += [reverse("job-detail", args=[sample.job_id]) for sample in samples[:2]]
    for path in pages:
        text = text_of(page.get(path))
        assert not [sample for sample in samples if str(sample.pk) in text], path
    for sample in samples[:2]:
        assert page.get(reverse("audio-stream", args=[sample.pk])).status_code == 404
        assert page.get(reverse("sample-detail", args=[sample.pk])).status_code == 404
        assert page.get(f"/api/v1/audio/{sample.pk}/").status_code == 404


def test_after_the_vote_nothing_is_told_until_the_test_is_over(page, trial, user):
    let_pass(trial)
    vote = {"choice": "first", "heard_first": str(HEARD), "heard_second": str(HEARD)}
    page.post(reverse("trial-vote", args=[trial.token]), vote)
    again = page.post(reverse("trial-vote", args=[trial.token]), vote, headers={"HX-Request": "true"})
    assert again.status_code == 200
    told = names_of(trial.test)
    for answer in (
        again,
        page.get(reverse("test-listen", args=[trial.test_id])),
        page.get(reverse("test-detail", args=[trial.test_id])),
        page.get(f"/api/v1/trials/{trial.token}/"),
        page.get("/api/v1/preferences/"),
    ):
        text = text_of(answer)
        assert not [word for word in told if word.lower() in text]
    lifecycle.close_test(actor=trial.test.created_by, test=trial.test)
    text = text_of(page.get(reverse("test-detail", args=[trial.test_id])))
    assert trial.test.name.lower() in text
    assert str(trial.pair.arm_x).lower() in text
