"""Every text has its translation: nothing is missing, unsure, or says another placeholder than its source."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import polib
import pytest
from django.conf import settings

from conftest import missing_part
from text2song.catalogues import catalogues, compile_catalogues

ROOT = Path(settings.BASE_DIR)
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%%|%[sd]|\{\w*\}|<(?!\s)/?[a-z]+|`[^`]+`")
FOLDERS = ("text2song", "prompts", "adapters", "generation", "feedback", "datasets_app", "training")
EVERY_FOLDER = (*FOLDERS, "templates", "static", "locale")


def entries_of(path: Path) -> list[polib.POEntry]:
    return [entry for entry in polib.pofile(str(path)) if not entry.obsolete]


def by_name(path: Path) -> str:
    return f"{path.parent.parent.name}/{path.name}"


def key_of(entry: polib.POEntry) -> tuple[str, str, str]:
    return (entry.msgctxt or "", entry.msgid, entry.msgid_plural)


@pytest.mark.parametrize("path", catalogues(), ids=by_name)
def test_every_text_is_translated(path):
    entries = entries_of(path)
    missing = [e.msgid for e in entries if not e.translated() or (e.msgid_plural and not all(e.msgstr_plural.values()))]
    assert missing == []
    assert [entry.msgid for entry in entries if entry.fuzzy] == []


@pytest.mark.parametrize("path", catalogues(), ids=by_name)
def test_every_translation_says_the_placeholders_of_its_source(path):
    wrong = []
    for entry in entries_of(path):
        sources = {entry.msgid, entry.msgid_plural} - {""}
        for said in [entry.msgstr, *entry.msgstr_plural.values()]:
            if said and not any(same_placeholders(source, said) for source in sources):
                wrong.append((entry.msgid, said))
    assert wrong == []


def same_placeholders(source: str, said: str) -> bool:
    return sorted(PLACEHOLDER.findall(source)) == sorted(PLACEHOLDER.findall(said))


@pytest.mark.parametrize(
    ("source", "said", "same"),
    [
        ("%(n)s of %(all)s", "%(all)s 之 %(n)s", True),
        ("%(n)s clips", "%(m)s 個片段", False),
        ("{name} is gone", "{name} 已不在", True),
        ("{name} is gone", "已不在", False),
        ("See <a>this</a>", "請看<a>這個</a>", True),
        ("See <a>this</a>", "請看這個", False),
        ("Run `make run`", "執行", False),
        ("100%% sure", "百分之百確定", False),
    ],
)
def test_the_check_of_placeholders(source, said, same):
    assert same_placeholders(source, said) is same


@pytest.mark.slow
def test_the_catalogues_hold_the_texts_of_the_sources(tmp_path):
    """Run over a copy: the program writes beside what it reads."""
    if shutil.which("xgettext") is None:
        missing_part("gettext is not installed")
    unwanted = shutil.ignore_patterns("tests", "bundled", "__pycache__", "*.mo", "vendor")
    for folder in EVERY_FOLDER:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=unwanted if folder in FOLDERS else None)
    shutil.copy(ROOT / "manage.py", tmp_path)
    subprocess.run([sys.executable, "manage.py", "messages"], cwd=tmp_path, check=True)
    for path in catalogues():
        found = {key_of(entry) for entry in entries_of(tmp_path / path.relative_to(ROOT))}
        held = {key_of(entry) for entry in entries_of(path)}
        assert (found - held, held - found) == (set(), set()), f"{by_name(path)}: run make messages"


def test_compiling_leaves_alone_what_is_newer_than_its_source(settings, tmp_path):
    folder = tmp_path / "zh_Hant" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "django.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "Yes"\nmsgstr "是"\n', encoding="utf-8"
    )
    settings.LOCALE_PATHS = [tmp_path]
    assert compile_catalogues() == [folder / "django.mo"]
    assert "是".encode() in (folder / "django.mo").read_bytes()
    assert compile_catalogues() == []
