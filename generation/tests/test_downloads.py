"""Files to keep and pictures to see: every format with its provenance, the picture drawn once."""

from __future__ import annotations

import io
import subprocess
import sys
import textwrap
import uuid
from typing import Any

import mutagen
import numpy as np
import pytest
import soundfile
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from generation.sound import processing as audio
from generation.sound.files import load_audio_bytes
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory, PromptFactory

pytestmark = pytest.mark.django_db
FORMATS = {"wav": "audio/wav", "flac": "audio/flac", "mp3": "audio/mpeg"}


@pytest.fixture
def sample(db: None) -> Any:
    prompt = PromptFactory(text="Calm piano, at dusk / “blue”", tempo=80, style="jazz")
    return AudioSampleFactory(
        job=GenerationJobFactory(completed=True, prompt=prompt, seed=77, temperature=0.8), index=1
    )


def download(page: Any, sample: Any, file_format: str) -> Any:
    return page.get(reverse("audio-download", args=[sample.pk, file_format]))


def tags_of(content: bytes) -> dict[str, str]:
    """Tags by name, whatever a format calls them."""
    tags = mutagen.File(io.BytesIO(content)).tags
    if hasattr(tags, "getall"):
        return {frame.desc: frame.text[0] for frame in tags.getall("TXXX")} | {"title": tags.getall("TIT2")[0].text[0]}
    return {name: values[0] for name, values in dict(tags).items()}


@pytest.mark.parametrize("file_format", FORMATS)
def test_every_format_carries_its_provenance(page, sample, file_format):
    response = download(page, sample, file_format)
    assert response.status_code == 200
    assert response["Content-Type"] == FORMATS[file_format]
    tags = tags_of(response.content)
    assert tags["prompt"] == sample.rendered_text
    assert tags["seed"] == "78"
    assert sample.job.base_model.key in tags["model"]
    assert tags["model_revision"] == "test-revision"
    assert "temperature=0.8" in tags["settings"] and "top_k=250" in tags["settings"]
    assert "Calm piano" in tags["title"]


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_sound_is_the_stored_one(page, sample, file_format):
    samples, rate = soundfile.read(io.BytesIO(download(page, sample, file_format).content), dtype="float32")
    stored, stored_rate = soundfile.read(io.BytesIO(load_audio_bytes(sample)), dtype="float32")
    assert rate == stored_rate
    if file_format == "mp3":
        assert len(samples) / rate == pytest.approx(len(stored) / rate, abs=0.2)
        assert np.sqrt((samples**2).mean()) == pytest.approx(np.sqrt((stored**2).mean()), rel=0.1)
    else:
        np.testing.assert_array_equal(samples, stored)


def test_the_file_name_can_be_read(page, sample):
    disposition = download(page, sample, "mp3")["Content-Disposition"]
    assert disposition == f'attachment; filename="calm-piano-at-dusk-blue-{sample.job.short_id}-B.mp3"'


@pytest.mark.parametrize(("text", "start"), [("!!!", 'filename="sample-'), ("夜の雨", "filename*=utf-8''")])
def test_other_scripts_and_no_letters_give_a_file_name_too(page, text, start):
    sample = AudioSampleFactory(job__prompt=PromptFactory(text=text))
    assert start in download(page, sample, "flac")["Content-Disposition"]


def test_a_header_cannot_be_broken_by_a_prompt(page):
    sample = AudioSampleFactory(job__prompt=PromptFactory(text='x"\r\nSet-Cookie: a=b'))
    response = download(page, sample, "wav")
    assert response.status_code == 200
    assert "Set-Cookie" not in response["Content-Disposition"]


@pytest.mark.parametrize("file_format", ["ogg", "FLAC", "exe"])
def test_an_unknown_format_is_404(page, sample, file_format):
    assert download(page, sample, file_format).status_code == 404


def test_unknown_and_deleted_samples_are_404(page, sample):
    sample.deleted_at = timezone.now()
    sample.save()
    for pk in (sample.pk, uuid.uuid4()):
        assert page.get(reverse("audio-download", args=[pk, "wav"])).status_code == 404
        assert page.get(reverse("audio-spectrogram", args=[pk])).status_code == 404


@pytest.mark.parametrize("name", ["audio-download", "audio-spectrogram"])
def test_a_missing_file_is_503_with_a_sentence(page, sample, name):
    default_storage.delete(sample.audio_file.name)
    response = page.get(reverse(name, args=[sample.pk] + (["mp3"] if name == "audio-download" else [])))
    assert response.status_code == 503
    assert "cannot be read" in response.text


@pytest.mark.parametrize("name", ["audio-download", "audio-spectrogram"])
def test_a_damaged_file_is_503_with_a_sentence(page, sample, name):
    default_storage.save(sample.audio_file.name, ContentFile(b"not music"))
    response = page.get(reverse(name, args=[sample.pk] + (["wav"] if name == "audio-download" else [])))
    assert response.status_code == 503
    assert "damaged" in response.text


def test_the_spectrogram_is_a_picture_in_the_colours_of_the_theme(page, sample):
    pictures = {}
    for theme in ("light", "dark"):
        response = page.get(reverse("audio-spectrogram", args=[sample.pk]), {"theme": theme})
        assert response["Content-Type"] == "image/png"
        pictures[theme] = np.asarray(Image.open(io.BytesIO(response.content)).convert("L"))
    assert pictures["light"].shape == pictures["dark"].shape
    assert pictures["light"].mean() > 128 > pictures["dark"].mean()


def test_the_picture_is_drawn_once(page, sample, monkeypatch):
    url = reverse("audio-spectrogram", args=[sample.pk])
    first = page.get(url)
    monkeypatch.setattr(audio, "spectrogram_png", None)
    assert page.get(url).content == first.content


def test_a_picture_the_browser_has_is_not_sent_again(page, sample):
    url = reverse("audio-spectrogram", args=[sample.pk])
    etag = page.get(url)["ETag"]
    response = page.get(url, headers={"if-none-match": etag})
    assert response.status_code == 304
    assert "private" in response["Cache-Control"]
    assert page.get(f"{url}?theme=dark", headers={"if-none-match": etag}).status_code == 200


def test_pictures_of_an_unfinished_job_leave_no_file(page, stored_files):
    sample = AudioSampleFactory(job=GenerationJobFactory(running=True))
    before = stored_files()
    assert page.get(reverse("audio-spectrogram", args=[sample.pk])).status_code == 200
    assert stored_files() == before


def test_a_store_that_refuses_to_write_still_shows_the_picture(page, sample, monkeypatch):
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OSError("full")

    monkeypatch.setattr(default_storage._wrapped.__class__, "save", refuse)
    assert page.get(reverse("audio-spectrogram", args=[sample.pk])).status_code == 200


@pytest.mark.parametrize("theme", ["sepia", "../x", ""])
def test_an_unknown_theme_is_404(page, sample, theme):
    assert page.get(reverse("audio-spectrogram", args=[sample.pk]), {"theme": theme}).status_code == 404


def test_on_any_store_downloads_and_pictures_are_the_same(page, storage_backend):
    sample = AudioSampleFactory()
    url = reverse("audio-spectrogram", args=[sample.pk])
    assert download(page, sample, "flac").status_code == 200
    assert page.get(url).content == page.get(url).content
    assert default_storage.exists(f"samples/{sample.pk}.light.png")


def test_converting_needs_no_torch(sample, tmp_path):
    (tmp_path / "clip.flac").write_bytes(load_audio_bytes(sample))
    script = textwrap.dedent(
        f"""
        import sys
        from pathlib import Path
        import django
        django.setup()
        import generation.api.sound
        from generation.sound import processing
        flac = Path({str(tmp_path / "clip.flac")!r}).read_bytes()
        for file_format in ("wav", "flac", "mp3"):
            assert processing.convert(flac, file_format, {{"title": "x"}})
        assert processing.spectrogram_png(*processing.read_flac(flac))
        print("torch" in sys.modules)
        """
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
