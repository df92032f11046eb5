"""Text conditioning: from a prompt to the states the decoder attends to."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor
from transformers import MusicgenForConditionalGeneration, PreTrainedTokenizerBase

LONGEST_TEXT = 512
REMEMBERED_TEXTS = 64


class TextEncoder:
    """Encodes each text once and on its own, so that neither padding nor other texts can change it."""

    def __init__(self, model: MusicgenForConditionalGeneration, tokenizer: PreTrainedTokenizerBase) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._limit = min(tokenizer.model_max_length, LONGEST_TEXT)
        self._remembered: OrderedDict[str, Tensor] = OrderedDict()

    def encode(self, text: str) -> Tensor:
        """States `[L, H]` in the decoder's width and precision; L is 0 if the tokenizer finds nothing in the text."""
        if text in self._remembered:
            self._remembered.move_to_end(text)
        else:
            self._remembered[text] = self._encode(text)
            if len(self._remembered) > REMEMBERED_TEXTS:
                self._remembered.popitem(last=False)
        return self._remembered[text]

    @torch.inference_mode()
    def _encode(self, text: str) -> Tensor:
        model = self._model
        weight = model.decoder.lm_heads[0].weight
        ids = self._tokenizer(text, truncation=True, max_length=self._limit, return_tensors="pt").input_ids
        if ids.numel() == 0:
            return weight.new_zeros(0, weight.shape[1])
        ids = ids.to(device=weight.device, dtype=torch.int64)
        states = model.text_encoder(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        if hasattr(model, "enc_to_dec_proj"):
            states = model.enc_to_dec_proj(states.to(model.enc_to_dec_proj.weight.dtype))
        return states[0].to(weight.dtype)
