"""Pages of listening tests: curators run them, raters judge, guests come and can do nothing else."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import get_resolver, reverse
from django.utils import timezone

from adapters.tests.factories import AdapterFactory
from feedback.listening_tests.services import lifecycle, trials
from feedback.listening_tests.services.invitations import make_invitation, revoke_invitation
from feedback.listening_tests.tests.listening import HEARD, answer, draft, let_pass, running, voted
from feedback.middleware import OPEN_TO_GUESTS
from feedback.models import Invitation, ListeningTest, Preference, RaterProfile, Trial
from generation.tests.factories import BaseModelFactory
from prompts.tests.factories import PromptFactory, PromptSuiteFactory
from text2song.tests.factories import UserFactory

pytestmark = pytest.mark.django_db
SILENT = {"stored": False}
AJAX = {"HX-Request": "true"}


def form_of(suite, *sides, **values):
    rows = {}
    for number in range(max(4, len(sides))):
        rows |= {f"arms-{number}-side": sides[number] if number < len(sides) else "", f"arms-{number}-strength": "1"}
    return {
        "name": "House style",
        "suite": suite.pk,
        "duration": 5,
        "samples_per_prompt": 1,
        "votes_wanted": 20,
        "strategy": "uniform",
        "overlap": 1,
        "repeat_share": 0.1,
        "gold_share": 0.1,
        "preset": "best",
        "arms-TOTAL_FORMS": max(4, len(sides)),
        "arms-INITIAL_FORMS": 0,
        **rows,
        **values,
    }


@pytest.fixture
def suite():
    return PromptSuiteFactory(prompts=[PromptFactory()], frozen=True)


# -- curators ----------------------------------------------------------------------------------------------------------


def test_a_curator_makes_and_starts_a_test(curator_page, suite):
    one, other = BaseModelFactory(), BaseModelFactory()
    made = curator_page.post(reverse("test-create"), form_of(suite, f"base:{one.key}", f"base:{other.key}"))
    test = ListeningTest.objects.get()
    assert made.url == reverse("test-detail", args=[test.pk])
    assert [arm.base_model for arm in test.arms.all()] == [one, other]
    assert test.sampling["temperature"] == 0.7
    page = curator_page.get(made.url).content.decode()
    assert one.display_name in page and ">Start<" in page
    curator_page.post(reverse("test-start", args=[test.pk]))
    test.refresh_from_db()
    assert test.state == "generating"
    fragment = curator_page.get(reverse("test-progress", args=[test.pk])).content.decode()
    assert "0/1 pairs generated" in fragment and "every 3s" in fragment


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"arms-1-side": ""}, "2 to 6 arms, not 1"),
        ({"name": ""}, "This field is required"),
        ({"votes_wanted": 0}, "greater than or equal to 1"),
        ({"arms-0-strength": "9"}, "1.5"),
        ({"duration": 11}, "over the 10 s limit"),
    ],
)
def test_a_refused_form_keeps_what_was_typed(curator_page, suite, change, told):
    sides = [f"base:{BaseModelFactory().key}" for _ in range(2)]
    answer_ = curator_page.post(reverse("test-create"), form_of(suite, *sides, description="Kept.") | change)
    page = answer_.content.decode()
    assert told in page and "Kept." in page
    assert not ListeningTest.objects.exists()


def test_equal_arms_are_refused_on_the_page(curator_page, suite):
    side = f"base:{BaseModelFactory().key}"
    page = curator_page.post(reverse("test-create"), form_of(suite, side, side)).content.decode()
    assert "Two arms are equal" in page


def test_adapters_chosen_elsewhere_are_filled_in(curator_page, suite):
    one, other = (AdapterFactory() for _ in range(2))
    page = curator_page.get(reverse("test-create"), {"adapters": f"{one.pk},{other.pk}"}).content.decode()
    chosen = re.findall(r'<option value="([^"]+)" selected>', page)
    assert [f"adapter:{one.pk}", f"adapter:{other.pk}"] == [side for side in chosen if side.startswith("adapter")]
    page = curator_page.get(reverse("test-create"), {"adapters": f"{one.pk},nonsense"}).content.decode()
    assert f'value="base:{one.base_model.key}" selected' in page
    assert f'value="adapter:{one.pk}" selected' in page


def test_closing_and_deleting_ask_first(curator_page):
    test = running(prompts=1, sample=SILENT)
    for name, label in (("test-close", "Close test"), ("test-delete", "Delete test")):
        address = reverse(name, args=[test.pk])
        assert label in curator_page.get(address).content.decode()
        test.refresh_from_db()
        assert test.is_open or name == "test-delete"
        curator_page.post(address)
        test.refresh_from_db()
    assert test.is_deleted and test.state == "completed"
    assert curator_page.get(reverse("test-detail", args=[test.pk])).status_code == 404


def test_a_closed_test_is_opened_again_for_more_votes(curator_page):
    test = running(prompts=1, votes_wanted=1, sample=SILENT)
    answer(trials.next_trial(rater=UserFactory(), test=test))
    curator_page.post(reverse("test-reopen", args=[test.pk]), {"votes_wanted": 1}, follow=True)
    test.refresh_from_db()
    assert test.state == "completed"
    curator_page.post(reverse("test-reopen", args=[test.pk]), {"votes_wanted": 5})
    test.refresh_from_db()
    assert (test.state, test.votes_wanted) == ("active", 5)


CURATION = ["test-start", "test-retry", "test-close", "test-reopen", "test-delete", "test-edit", "test-progress"]


@pytest.mark.parametrize("name", CURATION)
def test_raters_do_not_run_tests(page, name):
    test = running(prompts=1, sample=SILENT)
    address = reverse(name, args=[test.pk])
    answers = {page.post(address).status_code, page.get(address).status_code}
    assert answers <= {403, 405} and 403 in answers
    for address in map(reverse, ("test-create", "raters", "invitations")):
        assert page.get(address).status_code == 403


def test_drafts_are_for_curators(page, curator_page):
    test = draft()
    address = reverse("test-detail", args=[test.pk])
    assert (page.get(address).status_code, curator_page.get(address).status_code) == (404, 200)


@pytest.mark.parametrize("address", ["tests", "tests-closed", "raters", "invitations"])
def test_lists_take_as_many_queries_for_200_as_for_10(curator, curator_page, address, suite):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def fill(count):
        for number in range(count):
            if address.startswith("tests"):
                state = "completed" if address == "tests-closed" else "active"
                ListeningTest.objects.create(name=f"T{number}", suite=suite, created_by=curator, state=state)
            elif address == "raters":
                RaterProfile.objects.create(user=UserFactory(password="!"))
            else:
                Invitation.objects.create(expires_at=timezone.now() + timedelta(days=1), note=str(number))

    url = reverse("tests") + "?show=closed" if address == "tests-closed" else reverse(address)

    def queries():
        with CaptureQueriesContext(connection) as found:
            assert curator_page.get(url).status_code == 200
        return len(found)

    fill(10)
    queries()
    few = queries()
    fill(190)
    assert queries() == few


# -- judging -----------------------------------------------------------------------------------------------------------


def test_a_rater_goes_from_trial_to_trial_until_nothing_is_left(page, user):
    test = running(prompts=2, sample=SILENT, description="Mind the bass.")
    listen = reverse("test-listen", args=[test.pk])
    for number in (1, 2):
        text = page.get(listen).content.decode()
        trial = Trial.objects.get(rater=user, number=number)
        assert f"Trial {number} of 2" in text and trial.pair.prompt.rendered_text in text and "Mind the bass." in text
        assert text.count(" controls ") == 2, "without script there are plain players"
        let_pass(trial)
        vote = {"choice": "second", "heard_first": str(HEARD), "heard_second": str(HEARD)}
        sent = page.post(reverse("trial-vote", args=[trial.token]), vote)
        assert (sent.status_code, sent.url) == (302, listen)
    assert "Nothing is left for you here" in page.get(listen).content.decode()
    assert Preference.objects.count() == 2


def test_with_script_the_next_trial_comes_in_the_answer(page, user):
    test = running(prompts=1, sample=SILENT)
    page.get(reverse("test-listen", args=[test.pk]))
    trial = Trial.objects.get()
    address = reverse("trial-vote", args=[trial.token])
    short = page.post(address, {"choice": "tie", "heard_first": "[]", "heard_second": "[]"}, headers=AJAX)
    assert (short.status_code, short["HX-Retarget"]) == (400, "#trial-problem")
    assert "0.8 s more of Sample 1 and 0.8 s more of Sample 2" in short.content.decode()
    let_pass(trial)
    page.post(reverse("trial-heard", args=[trial.token]), {"heard_first": str(HEARD), "heard_second": str(HEARD)})
    done = page.post(address, {"choice": "tie", "heard_first": "[]", "heard_second": "[]"}, headers=AJAX)
    assert done.status_code == 200 and 'id="trial"' in done.content.decode()
    other = page.post(address, {"choice": "first", "heard_first": "[]", "heard_second": "[]"}, headers=AJAX)
    assert other.status_code == 409 and "first answer stands" in other.content.decode()
    assert Trial.objects.get().choice == "tie"


@pytest.mark.parametrize("garbage", ["nonsense", "{}", "[" * 9000, '[["a", 1]]', "[[0, 1e999]]", "null"])
def test_garbage_reports_are_refused(page, user, garbage):
    test = running(prompts=1, sample=SILENT)
    trial = trials.next_trial(rater=user, test=test)
    let_pass(trial)
    for name in ("trial-heard", "trial-vote"):
        body = {"choice": "first", "heard_first": garbage, "heard_second": "[]"}
        assert page.post(reverse(name, args=[trial.token]), body).status_code == 400
    assert not Trial.objects.voted().exists()


def test_a_foreign_trial_is_not_found(page):
    trial = trials.next_trial(rater=UserFactory(), test=running(prompts=1, sample=SILENT))
    for name in ("trial-vote", "trial-heard"):
        assert page.post(reverse(name, args=[trial.token]), {"choice": "first"}).status_code == 404


def test_a_test_that_ended_meanwhile_says_so(page, user):
    test = running(prompts=1, sample=SILENT)
    trial = trials.next_trial(rater=user, test=test)
    let_pass(trial)
    lifecycle.close_test(actor=test.created_by, test=test)
    body = {"choice": "first", "heard_first": str(HEARD), "heard_second": str(HEARD)}
    refused = page.post(reverse("trial-vote", args=[trial.token]), body, headers=AJAX)
    assert refused.status_code == 409 and "This test is over" in refused.content.decode()
    assert "See the results" in page.get(reverse("test-listen", args=[test.pk])).content.decode()


def test_results_say_no_more_than_votes_allow(page, curator_page):
    test = running(prompts=12, sample=SILENT)
    pair, *others = test.pairs.all()
    for each in others[:9]:
        voted(each, winner="x")
    address = reverse("test-results", args=[test.pk])
    assert page.get(address).status_code == 403
    text = curator_page.get(address).content.decode()
    assert "Too few decided votes to claim anything: 1 more" in text and "is preferred" not in text
    for each in (pair, *others[9:]):
        voted(each, winner="x")
    lifecycle.close_test(actor=test.created_by, test=test)
    text = page.get(address).content.decode()
    assert f"“{pair.arm_x}” is preferred to “{pair.arm_y}”" in text.replace("&quot;", '"')
    assert "100 %" in text


def test_an_arm_of_few_votes_stands_in_the_leaderboard_without_a_rank(curator_page):
    enough, few = running(prompts=12, sample=SILENT), running(prompts=3, sample=SILENT)
    for test in (enough, few):
        for pair in test.pairs.all():
            voted(pair, winner="x")
    rows = curator_page.get(reverse("leaderboard")).text.split("<tbody>")[1].split("</tr>")
    ranks = ["too few votes" if "too few votes" in row else "ranked" for row in rows[:4]]
    assert ranks == ["ranked", "ranked", "too few votes", "too few votes"] and "None" not in "".join(rows)
    few_arm = str(few.arms.first())
    assert few_arm in "".join(rows[2:4]), "the strongest by far, of three votes"
    told = {row["rank"] for row in curator_page.get("/api/v1/leaderboard/").json()["results"]}
    assert told == {1, 2, None}


# -- guests ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def invited(curator):
    test = running(prompts=1, sample=SILENT)
    return make_invitation(actor=curator, test=test, max_uses=2)


def accept(invitation):
    client = Client()
    return client, client.post(reverse("invitation", args=[invitation.token]))


def test_a_link_makes_a_rater_without_an_address(invited):
    link = reverse("invitation", args=[invited.token])
    people = get_user_model().objects.count()
    assert "Start listening" in Client().get(link).content.decode()
    assert get_user_model().objects.count() == people, "looking makes nobody"
    client, answer_ = accept(invited)
    assert answer_.url == reverse("test-listen", args=[invited.test_id])
    guest = get_user_model().objects.latest("pk")
    assert (guest.email, guest.has_usable_password(), guest.is_staff) == ("", False, False)
    assert guest.rater_profile.kind == "guest" and guest.rater_profile.invitation == invited
    assert "Trial 1 of 1" in client.get(answer_.url).content.decode()


@pytest.mark.parametrize("how", ["expired", "used up", "withdrawn"])
def test_a_closed_link_says_so_and_makes_nobody(invited, curator, how):
    if how == "expired":
        Invitation.objects.update(expires_at=timezone.now())
    elif how == "used up":
        accept(invited), accept(invited)
    else:
        revoke_invitation(actor=curator, invitation=invited)
    people = get_user_model().objects.count()
    for method in ("get", "post"):
        answer_ = getattr(Client(), method)(reverse("invitation", args=[invited.token]))
        assert answer_.status_code == 410 and how in answer_.content.decode()
    assert get_user_model().objects.count() == people
    invited.refresh_from_db()
    assert invited.uses <= invited.max_uses
    assert Client().get(reverse("invitation", args=["x" * 32])).status_code == 404


def test_somebody_signed_in_needs_no_invitation(page, invited):
    assert "You are signed in" in page.post(reverse("invitation", args=[invited.token])).content.decode()
    invited.refresh_from_db()
    assert invited.uses == 0


def test_a_guest_listens_votes_and_leaves(invited):
    client, answer_ = accept(invited)
    client.get(answer_.url)
    trial = Trial.objects.get()
    let_pass(trial)
    vote = {"choice": "first", "heard_first": str(HEARD), "heard_second": str(HEARD)}
    assert client.post(reverse("trial-vote", args=[trial.token]), vote).status_code == 302
    text = client.get(reverse("tests")).content.decode()
    assert "studio-status" not in text and reverse("library") not in text
    assert client.get(reverse("rater-reliability")).status_code == 200
    assert client.post(reverse("sign-out")).status_code == 302
    assert Preference.objects.get().rater.rater_profile.kind == "guest"


def test_a_guest_reaches_nothing_else(invited, curator):
    """Every address of the studio without parameters, and every one with an id, by its own name."""
    client, _ = accept(invited)
    closed = 0
    for name, address in addresses():
        answer_ = client.get(address)
        if name in OPEN_TO_GUESTS or (answer_.status_code in (404, 405) and name is None):
            continue
        if name in PUBLIC:
            continue
        assert answer_.status_code == 403, (name, address, answer_.status_code)
        if address.startswith("/api/"):
            assert answer_.json()["code"] == "permission_denied"
        else:
            assert "You came to listen" in answer_.content.decode()
        closed += 1
    assert closed > 60


PUBLIC = {"sign-in", "app-manifest", "set-language", "words", "healthz", "readyz", "metrics", "admin:login"}


def addresses():
    """All named addresses, ids filled in."""
    import uuid

    def walk(patterns, prefix="", space=""):
        for pattern in patterns:
            path = prefix + str(pattern.pattern).replace("^", "").replace("$", "")
            if hasattr(pattern, "url_patterns"):
                inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
                yield from walk(pattern.url_patterns, path, inner)
            elif pattern.name:
                yield space + pattern.name, path

    for name, path in walk(get_resolver().url_patterns):
        if name in OPEN_TO_GUESTS:
            continue
        filled = re.sub(r"<uuid:\w+>|\(\?P<pk>[^)]*\)+", str(uuid.uuid4()), path)
        filled = re.sub(r"<int:\w+>|<path:\w+>", "1", filled)
        filled = re.sub(r"<token:\w+>", "t" * 20, filled)
        if "<" in filled or "(" in filled or "\\" in filled or name == "admin:logout":
            continue
        yield name, f"/{filled}"


def test_a_guest_of_one_test_sees_no_other(invited):
    other = running(prompts=1, sample=SILENT)
    client, _ = accept(invited)
    assert client.get(reverse("test-listen", args=[other.pk])).status_code == 404
    assert str(other.pk) not in client.get(reverse("tests")).content.decode()


def test_invitations_are_made_and_withdrawn_on_the_pages(curator_page):
    test = running(prompts=1, sample=SILENT)
    curator_page.post(reverse("invitations"), {"test": test.pk, "max_uses": 3, "days": 2, "note": "the choir"})
    invitation = Invitation.objects.get()
    assert (invitation.test, invitation.max_uses, invitation.note) == (test, 3, "the choir")
    text = curator_page.get(reverse("test-detail", args=[test.pk])).content.decode()
    assert reverse("invitation", args=[invitation.token]) in text
    wrong = curator_page.post(reverse("invitations"), {"max_uses": 0, "days": 2})
    assert wrong.status_code == 200 and Invitation.objects.count() == 1
    revoke = reverse("invitation-revoke", args=[invitation.pk])
    assert "Withdraw" in curator_page.get(revoke).content.decode()
    curator_page.post(revoke)
    invitation.refresh_from_db()
    assert invitation.revoked_at and not invitation.is_open
