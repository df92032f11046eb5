"""The registry's pages."""

from __future__ import annotations

import io
import re
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from adapters.models import CONFIG_FILE, WEIGHTS_FILE, Adapter, AdapterRegistration
from adapters.pages.configuration import in_words
from adapters.services.registration import accept, take_in
from adapters.tests.factories import AdapterFactory, AdapterRegistrationFactory, adapter_files, adapter_zip, tiny_base
from generation.tests.factories import AudioSampleFactory, BaseModelFactory, GenerationJobFactory
from text2song.tests.html import flat

pytestmark = pytest.mark.django_db


def upload(page, base, *files, **values):
    sent = list(files) or [SimpleUploadedFile("warm.zip", adapter_zip())]
    body = {"files": sent, "name": "warm", "version": "1.0.0", "base_model": str(base.pk), "activate": "on"}
    return page.post("/adapters/upload/", body | values)


def test_an_empty_registry_teaches_and_offers_the_first_step(page):
    html = page.get("/adapters/").text
    assert "No adapters yet" in html and 'href="/adapters/upload/"' in html
    assert '<a href="/adapters/" data-key="a"' in page.get("/").text


def test_the_list_shows_filters_and_groups(page, django_assert_max_num_queries):
    base = BaseModelFactory(display_name="Tiny")
    old = AdapterFactory(name="warm", version="1.0.0", base_model=base, is_default=True, stored=False)
    AdapterFactory(name="warm", version="1.1.0", base_model=base, stored=False)
    AdapterFactory(name="cold", is_active=False, stored=False)
    AudioSampleFactory(job=GenerationJobFactory(base_model=base, adapter=old, completed=True))
    with django_assert_max_num_queries(14):
        html = page.get("/adapters/").text
    for words in ("warm", "1.1.0", "Tiny", "up to 10 s", "Default", "Inactive", f'href="/library/?adapter={old.pk}"'):
        assert words in html
    active = page.get("/adapters/?active=true").text
    assert "cold" not in active and "checked" in active
    assert (
        "warm"
        not in page.get(f"/adapters/?base_model={Adapter.objects.get(name='cold').base_model.key}").text.split(
            "<tbody>"
        )[1]
    )
    by_name = page.get("/adapters/?group_by_name=true").text
    assert by_name.index("cold") < by_name.index("1.0.0") < by_name.index("1.1.0"), "the default stands on top"
    assert "No adapter fits" in page.get("/adapters/?q=nothing").text
    assert page.get("/adapters/?base_model=nope").status_code == 400


@pytest.mark.usefixtures("workers")
def test_uploading_leads_to_the_trial_and_from_there_to_the_adapter(page, user):
    base = tiny_base()
    answer = upload(page, base, description="soft keys")
    registration = AdapterRegistration.objects.get()
    assert answer.status_code == 302 and answer["Location"] == f"/adapters/registrations/{registration.pk}/"
    waiting = page.get(answer["Location"]).text
    assert "Waiting for a worker" in flat(waiting) and 'hx-trigger="every 2s"' in flat(waiting)
    assert "warm@1.0.0" in page.get("/adapters/").text, "the list shows it while it is checked"
    assert registration.claim("host:1:1")
    assert "A worker unpacks the files" in page.get(answer["Location"]).text
    take_in(registration)
    tried = page.get(answer["Location"]).text
    assert "A worker loads it" in tried and 'hx-trigger="every 2s"' in tried
    assert accept(registration)
    ended = page.get(answer["Location"], headers={"HX-Request": "true"}).text
    assert "hx-trigger" not in ended and f'href="/adapters/{registration.pk}/"' in ended and "<html" not in ended


def test_loose_files_can_be_chosen_together(page):
    files = [SimpleUploadedFile(name, content) for name, content in adapter_files().items()]
    assert upload(page, tiny_base(), *files).status_code == 302


def test_a_refused_upload_says_why_and_keeps_what_was_typed(page, stored_files):
    base = tiny_base()
    AdapterFactory(name="warm", stored=False)
    taken = upload(page, base, description="soft keys")
    assert taken.status_code == 400
    assert "next free one is 1.0.1" in taken.text and "soft keys" in taken.text
    pickled = upload(page, base, SimpleUploadedFile("adapter_model.bin", b"x"), name="new")
    assert pickled.status_code == 400 and "pickle" in pickled.text and 'value="new"' in pickled.text
    for values, words in (
        ({"name": ""}, "1 to 100 characters"),
        ({"version": "1"}, "three numbers"),
        ({"base_model": ""}, "Choose the model it was made for"),
    ):
        refused = upload(page, base, **values)
        assert refused.status_code == 400 and words in refused.text, values
    nothing = page.post("/adapters/upload/", {"name": "x", "version": "1.0.0", "base_model": str(base.pk)})
    assert nothing.status_code == 400 and "Choose the adapter&#x27;s files" in nothing.text.replace("&#39;", "&#x27;")
    assert stored_files() == [] and not AdapterRegistration.objects.exists()


def test_a_refused_trial_says_why(page, user):
    registration = AdapterRegistrationFactory(created_by=user)
    assert registration.claim("host:1:1") and registration.fail("The adapter changes nothing.")
    html = page.get(f"/adapters/registrations/{registration.pk}/").text
    assert "The adapter changes nothing." in html and "Refused" in html and "every 2s" not in html
    other = AdapterRegistrationFactory()
    assert page.get(f"/adapters/registrations/{other.pk}/").status_code == 404


def test_the_page_of_an_adapter_tells_what_it_is(page, django_assert_max_num_queries):
    base = BaseModelFactory(display_name="Tiny")
    parent = AdapterFactory(name="warm", version="1.0.0", base_model=base, stored=False)
    training = {"method": "dpo", "learning_rate": 0.0001, "mixed_precision": True, "beta": 0.1}
    adapter = AdapterFactory(
        name="warm", version="1.1.0", base_model=base, parent=parent, training_config=training, stored=False
    )
    child = AdapterFactory(name="warmer", base_model=base, parent=adapter, stored=False)
    AudioSampleFactory(job=GenerationJobFactory(base_model=base, adapter=adapter, completed=True))
    with django_assert_max_num_queries(21):
        html = page.get(f"/adapters/{adapter.pk}/").text
    for words in (
        "Tiny",
        adapter.sha256,
        "warmer@1.0.0",
        "1e-4",
        "Preferences",
        f'href="/adapters/{parent.pk}/"',
        f'href="/adapters/{child.pk}/"',
        f'href="/create/?adapter={adapter.pk}"',
        f'href="/library/?adapter={adapter.pk}"',
        "q_proj, v_proj",
    ):
        assert words in html, words
    assert "Delete…" not in html, "a stranger cannot delete it"
    plain = page.get(f"/adapters/{parent.pk}/").text
    assert "how it was trained is not known here" in flat(plain) and "Checkpointing" not in flat(plain)


def test_values_are_put_into_words():
    values = (0.0001, 2.5e-05, 0.05, True, False, ["a", "b"], None, "", 3, 0.0)
    words = ["1e-4", "2.5e-5", "0.05", "Yes", "No", "a, b", "Not set", "Not set", "3", "0"]
    assert [in_words(value) for value in values] == words


def test_switching_promoting_and_rolling_back(curator_page, page):
    base = BaseModelFactory()
    first, second = (AdapterFactory(base_model=base, stored=False) for _ in range(2))

    def post(adapter, what):
        return curator_page.post(f"/adapters/{adapter.pk}/{what}/", follow=True).text

    post(first, "default")
    assert f"Roll back to {first.label}" in post(second, "default")
    assert "is not the default any more" in post(second, "roll-back")
    assert Adapter.objects.default_of(base) == first
    post(first, "deactivate")
    assert "is not active; activate it before" not in post(first, "activate")
    assert Adapter.objects.default_of(base) is None
    assert page.post(f"/adapters/{first.pk}/default/").status_code == 403
    assert page.post(f"/adapters/{first.pk}/deactivate/").status_code == 403
    assert page.get(f"/adapters/{first.pk}/deactivate/").status_code == 405


def test_renaming_in_a_dialog_or_on_its_page(page, user):
    adapter = AdapterFactory(name="warm", created_by=user, stored=False)
    url = f"/adapters/{adapter.pk}/edit/"
    dialog = page.get(url, headers={"HX-Request": "true"}).text
    assert "<html" not in dialog and 'value="warm"' in dialog
    assert page.post(url, {"name": "velvet", "version": "1.0.0", "description": "x"}).status_code == 302
    adapter.refresh_from_db()
    assert (adapter.name, adapter.description) == ("velvet", "x")
    AdapterFactory(name="taken", stored=False)
    refused = page.post(url, {"name": "taken", "version": "1.0.0", "description": "kept words"})
    assert refused.status_code == 400 and "kept words" in refused.text and "Rename velvet@1.0.0" in refused.text
    assert page.post(url, {"name": "x" * 101, "version": "1.0.0"}).status_code == 400
    assert page.get(f"/adapters/{AdapterFactory(stored=False).pk}/edit/").status_code == 403


def test_deleting_asks_and_names_what_follows(page, user):
    adapter = AdapterFactory(name="warm", created_by=user, is_default=True, stored=False)
    AudioSampleFactory(job=GenerationJobFactory(base_model=adapter.base_model, adapter=adapter, completed=True))
    AdapterFactory(parent=adapter, base_model=adapter.base_model, stored=False)
    url = f"/adapters/{adapter.pk}/delete/"
    question = page.get(url).text
    for words in ("Delete warm@1.0.0?", "1 sample made with it stay", "the default of", "parent of 1 other adapter"):
        assert words in question
    assert Adapter.objects.visible().filter(pk=adapter.pk).exists()
    assert page.post(url).status_code == 302
    assert page.get(f"/adapters/{adapter.pk}/").status_code == 404 and page.post(url).status_code == 404


def test_comparing_two_marks_what_differs(page):
    base = BaseModelFactory()
    one, two = (AdapterFactory(base_model=base, stored=False) for _ in range(2))
    Adapter.objects.filter(pk=two.pk).update(peft_config=two.peft_config | {"r": 16}, is_active=False)
    html = page.get(f"/adapters/compare/?ids={two.pk}&ids={one.pk}").text
    assert html.index(two.label) < html.index(one.label), "in the order asked for"
    row = next(row for row in html.split("<tr") if "LoRA rank (r)" in row)
    assert "differs" in row and re.search(r"<td>16</td>\s*<td>2</td>", row)
    assert not re.search(r'class="differs">\s*<th scope="row">LoRA alpha', html)
    for query in ("", f"?ids={one.pk}", f"?ids={one.pk}&ids=nonsense", "?ids=" + "&ids=".join(["x"] * 3)):
        answer = page.get(f"/adapters/compare/{query}")
        assert answer.status_code == 400 and "Two adapters are needed" in answer.text, query


def test_downloading_gives_the_folder_or_says_why_not(page, storage_backend):
    adapter = AdapterFactory(name="Warm Keys")
    answer = page.get(f"/adapters/{adapter.pk}/download/")
    assert answer["Content-Disposition"] == 'attachment; filename="warm-keys-1.0.0.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.getvalue())) as archive:
        assert sorted(archive.namelist()) == [CONFIG_FILE, WEIGHTS_FILE]
    lost = page.get(f"/adapters/{AdapterFactory(stored=False).pk}/download/")
    assert lost.status_code == 503 and "not on the store" in lost.text


def test_curation_lists_acts_and_opens(curator_page):
    adapter = AdapterFactory(stored=False)
    AdapterRegistrationFactory()
    for address in ("adapter", "adapterregistration"):
        assert curator_page.get(f"/admin/adapters/{address}/").status_code == 200
    assert curator_page.get(f"/admin/adapters/adapter/{adapter.pk}/change/").status_code == 200
    body = {"action": "make_default", "_selected_action": [str(adapter.pk)]}
    assert "Adapters made default: 1" in curator_page.post("/admin/adapters/adapter/", body, follow=True).text
    adapter.refresh_from_db()
    assert adapter.is_default


def test_the_overview_counts_active_and_all(page):
    AdapterFactory(stored=False), AdapterFactory(stored=False, is_active=False)
    assert "<strong>1</strong> of 2 active" in page.get("/").text
