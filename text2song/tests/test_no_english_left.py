"""Pages in Traditional Chinese hold no English: every page a curator reaches by links, with some of everything there.

What people wrote, and what workers wrote down, is shown as it is stored; names, units and code stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from django.apps import apps
from django.test import Client
from django.urls import Resolver404, resolve

from text2song.tests.doors import patterns
from text2song.tests.everything import some_of_everything

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

SPOKEN_ATTRIBUTES = ("aria-label", "title", "placeholder", "alt", "aria-description")
UNSPOKEN = {"script", "style", "code", "kbd", "pre", "template", "svg", "textarea"}
VOID = {"input", "br", "hr", "img", "meta", "link", "use", "source", "col", "wbr"}
WORDS = re.compile(r"[A-Za-z][A-Za-z'’-]+(?:[ ,;:.]+[A-Za-z][A-Za-z'’-]+)*")
NAMES = {
    *("Wav", "Vec", "WavLM", "Data", "UniSpeech", "UniSpeech-SAT", "SAT", "AST", "Conformer", "preprocessor"),
    *("sqlite", "tokenizer", "Bradley", "Terry", "logit", "bin", "warm", "keys", "Beta", "Ranking"),
    *("notebook", "nightly", "batch"),
    *("Alt", "Esc"),  # as keyboards name them
    *[
        "alpha",
        "Alpha",
        "API",
        "api",
        "beta",
        "BFLOAT",
        "bfloat",
        "BPM",
        "CLAP",
        "config",
        "cookie",
        "CPU",
        "dBTP",
        "Django",
        "DPO",
        "dpo",
        "dropout",
    ],
    *[
        "English",
        "Face",
        "false",
        "fc",
        "flac",
        "FLAC",
        "FM",
        "GB",
        "generate",
        "GPU",
        "hinge",
        "HTTP",
        "HuBERT",
        "Hugging",
        "Hz",
        "ID",
        "ipo",
        "ISO",
    ],
    *[
        "JavaScript",
        "JSON",
        "json",
        "KB",
        "kHz",
        "KL",
        "Krippendorff's",
        "kto",
        "Large",
        "Lines",
        "LoRA",
        "LRA",
        "luce",
        "LUFS",
        "manage",
        "margin",
    ],
    *[
        "MB",
        "Medium",
        "Model",
        "mp",
        "MP",
        "MusicGen",
        "nat",
        "nats",
        "OpenAPI",
        "out",
        "Parquet",
        "PEFT",
        "peft",
        "pickle",
        "plackett",
        "POST",
        "proj",
    ],
    *[
        "py",
        "Python",
        "r-and-b",
        "ranking",
        "REST",
        "safetensors",
        "SFT",
        "sft",
        "SHA",
        "sigmoid",
        "Small",
        "Song",
        "Stereo",
        "Studio",
        "studio",
    ],
    *["Swagger", "Text", "Tiny", "Top", "top", "train", "transformers", "true", "UI", "UTC", "wav", "WAV", "zip"],
}
"""Words that are the same in both languages."""
EXAMPLE = "a calm melody that opens slowly, like a town waking up under snow"
"""What a prompt may be like, in every language: the models read English."""
NOT_PAGES = ("admin:", "audio-", "sign-out", "healthz", "readyz", "metrics", "api-", "words")


class Spoken(HTMLParser):
    """What of a page is read, by eye or by ear, and where it links to."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.links: list[str] = []
        self._silent: list[bool] = [False]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        classes = (values.get("class") or "").split()
        silent = self._silent[-1] or tag in UNSPOKEN or "mono" in classes or (values.get("lang") or "").startswith("en")
        if not silent or tag in ("svg", "textarea", "input"):
            self.texts += [values[name] or "" for name in SPOKEN_ATTRIBUTES if name in values]
        if tag == "a" and values.get("href"):
            self.links.append(values["href"] or "")
        if tag not in VOID:
            self._silent.append(silent)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and len(self._silent) > 1:
            self._silent.pop()

    def handle_data(self, data: str) -> None:
        if not self._silent[-1] and data.strip():
            self.texts.append(" ".join(data.split()))


def stored_words() -> str:
    """Everything that is stored as text, in one string to look in."""
    found: list[str] = []
    for model in apps.get_models():
        if model._meta.app_label in ("contenttypes", "auth", "admin", "sessions", "django_q") and (
            model._meta.model_name != "user"
        ):
            continue
        kinds = ("CharField", "TextField", "JSONField", "SlugField")
        names = [field.attname for field in model._meta.concrete_fields if field.get_internal_type() in kinds]
        found += [str(value) for row in model._default_manager.values_list(*names or ["pk"]) for value in row]
    return "\n".join(found)


def leftovers(texts: list[str], stored: str) -> Iterator[str]:
    """Words of English that nobody wrote into the studio."""
    for text in texts:
        for run in WORDS.findall(text):
            words = re.findall(r"[A-Za-z][A-Za-z'’]*", run)
            strange = [word for word in words if len(word) > 1 and word not in NAMES]
            if strange and run.strip(" .,;:") not in stored and not all(word in stored for word in strange):
                yield f"{run!r} in {text[:120]!r}"


def read(html: str) -> Spoken:
    found = Spoken()
    found.feed(html)
    return found


def pages(client: Client, first: list[str]) -> Iterator[tuple[str, str, str]]:
    """One page of every name that is reached by links: its name, address and HTML."""
    reached: set[str] = set()
    waiting = list(first)
    while waiting:
        address = waiting.pop(0)
        parts = urlsplit(address)
        try:
            name = resolve(parts.path).view_name
        except Resolver404:
            continue
        if parts.netloc or name in reached or name.startswith(NOT_PAGES) or name.endswith("download"):
            continue
        answer = client.get(address)
        if answer.status_code != 200 or not answer["Content-Type"].startswith("text/html"):
            continue
        reached.add(name)
        html = answer.content.decode()
        yield name, address, html
        waiting += [urljoin(address, link).split("#")[0] for link in read(html).links]


def test_every_page(curator: Any, curator_page: Client) -> None:
    deep = some_of_everything(curator)
    curator_page.cookies["django_language"] = "zh-hant"
    plain = [
        f"/{pattern.pattern}" for name, pattern in patterns() if "<" not in str(pattern.pattern) and ":" not in name
    ]
    seen: set[str] = set()
    problems: dict[str, str] = {}
    texts: list[tuple[str, str, list[str]]] = []
    for name, address, html in pages(curator_page, ["/", *deep, *plain]):
        seen.add(name)
        assert '<html lang="zh-hant">' in html or not html.lstrip().startswith("<!doctype"), address
        texts.append((name, address, read(html).texts))
    known = f"{stored_words()}\n{EXAMPLE}"
    for name, address, said in texts:
        for found in leftovers(said, known):
            problems.setdefault(found, f"{name} ({address}): {found}")
    assert len(seen) > 45
    assert not problems, "\n".join(problems.values())


def test_the_sign_in_page_and_errors(client: Client) -> None:
    client.cookies["django_language"] = "zh-hant"
    for address in ("/sign-in/", "/nothing-here/"):
        assert list(leftovers(read(client.get(address).content.decode()).texts, "")) == []


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("<p>Nothing here</p>", ["'Nothing here' in 'Nothing here'"]),
        ("<p>這裡什麼都沒有</p><code>make run</code><kbd>Space</kbd><p class=mono>abc def</p>", []),
        ('<button aria-label="Close"><svg></svg></button>', ["'Close' in 'Close'"]),
        ("<p>120 BPM，LoRA</p><p>Calm piano</p>", []),
        ('<p>好<br>的</p><p lang="en">English</p><p>Oh no</p>', ["'Oh no' in 'Oh no'"]),
    ],
)
def test_the_check_finds_what_is_english_and_nothing_else(html: str, found: list[str]) -> None:
    assert list(leftovers(read(html).texts, "Calm piano over rain")) == found
