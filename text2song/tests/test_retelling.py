"""What workers wrote down in English is read in the reader's language."""

from __future__ import annotations

import pytest
from django.template import engines
from django.utils import translation

from generation.jobs.worker import sentence_for
from generation.models import GenerationJob
from text2song.retelling import retold


def in_chinese(text: str) -> str:
    with translation.override("zh-hant"):
        return retold(text)


def test_english_readers_get_the_sentence_as_it_was_written():
    assert retold("The device ran out of memory.") == "The device ran out of memory."


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ("The device ran out of memory.", "裝置的記憶體不足。"),
        (
            "The suite “Mine” is frozen; its list of prompts can never change.",
            "組合「Mine」已凍結；它的提示詞清單不能再變更。",
        ),
        (
            "The device ran out of memory while making 4 clip(s) together. Try fewer samples at a time, a shorter "
            "duration or a smaller model.",
            "同時製作 4 個片段時裝置的記憶體不足。請試試一次較少的樣本、較短的長度或較小的模型。",
        ),
        (
            "The win rate's interval (31 % to 69 %) does not clear 50 %. Undecided. About 40 more votes would decide "
            "it, if they fall as before. The test was deleted.",
            "勝率的區間（31 % 到 69 %）沒有完全高於 50 %。還沒有定論。"
            "若之後的票依舊如此分布，大約再 40 票就能決定。測試已刪除。",
        ),
        ("The test was deleted. Out of cheese.", "測試已刪除。Out of cheese."),
        ("Out of cheese. The test was deleted.", "Out of cheese. 測試已刪除。"),
        ("RuntimeError: shape [4, 1]", "RuntimeError: shape [4, 1]"),
        ("", ""),
    ],
)
def test_a_stored_sentence_is_said_in_chinese(stored, said):
    assert in_chinese(stored) == said


def test_what_a_job_is_told_when_its_worker_dies_is_known():
    told = GenerationJob(num_samples=4).gave_up()
    assert told.isascii() and not any(word in in_chinese(told) for word in ("worker", "memory", "samples"))


def test_what_an_unexpected_error_leaves_is_known():
    assert in_chinese(sentence_for(KeyError("x"))).startswith("生成時發生了意外的錯誤。")


def test_templates_know_it_without_loading():
    with translation.override("zh-hant"):
        page = engines["django"].from_string("{{ error|retold }}").render({"error": "The test was deleted."})
    assert page == "測試已刪除。"
