"""The tokenizer: one token per word of the caption vocabulary and per whole number from 40 to 200."""

from __future__ import annotations

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from generation.bundled.recipe.captions import named_numbers, numbers, vocabulary

PAD, END, UNKNOWN = "<pad>", "</s>", "[UNK]"
MAX_TOKENS = 64


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Lower-case words and numbers; everything else separates; unknown words become `[UNK]`; `</s>` ends a text."""
    words = [PAD, END, UNKNOWN, *vocabulary(), *(str(number) for number in numbers()), *named_numbers()]
    core = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token=UNKNOWN))
    core.normalizer = normalizers.Sequence(
        [
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            normalizers.Replace("&", " and "),
        ]
    )
    core.pre_tokenizer = pre_tokenizers.Split(Regex("[a-z]+|[0-9]+"), behavior="removed", invert=True)
    core.post_processor = processors.TemplateProcessing(
        single=f"$A {END}", pair=f"$A $B {END}", special_tokens=[(END, core.token_to_id(END))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=PAD,
        eos_token=END,
        unk_token=UNKNOWN,
        model_max_length=MAX_TOKENS,
        padding_side="right",
        clean_up_tokenization_spaces=False,
    )
