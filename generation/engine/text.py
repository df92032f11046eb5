"""Text conditioning: from a prompt to the states the decoder attends to.

Adapters may change this part too; the states are then theirs, and so is the encoder that remembers them.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from transformers import MusicgenForConditionalGeneration, PreTrainedTokenizerBase

from generation.engine.weights import LowRank
from generation.jobs.reading import LONGEST_TEXT

REMEMBERED_TEXTS = 64


class TextEncoder:
    """Encodes each text once and on its own, so that neither padding nor other texts can change it.

    A text that is too long is cut at its end, as a last resort: `generation.jobs.reading` makes prompts fit.
    """

    def __init__(
        self,
        model: MusicgenForConditionalGeneration,
        tokenizer: PreTrainedTokenizerBase,
        changes: Mapping[str, LowRank] | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        """`changes` are those of adapters, by module name within the whole model; `dtype` None is the decoder's."""
        self._model = model
        self._dtype = dtype or model.decoder.lm_heads[0].weight.dtype
        self._changed = _changed_weights(model, changes or {})
        self._tokenizer = tokenizer
        self._limit = min(tokenizer.model_max_length, LONGEST_TEXT)
        self._remembered: OrderedDict[str, Tensor] = OrderedDict()

    def encode(self, text: str) -> Tensor:
        """States `[L, H]` in the decoder's width; L is 0 if the tokenizer finds nothing in the text."""
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
        weight: Tensor = model.decoder.lm_heads[0].weight
        ids = self._tokenizer(text, truncation=True, max_length=self._limit, return_tensors="pt").input_ids
        if ids.numel() == 0:
            return weight.new_zeros(0, weight.shape[1], dtype=self._dtype)
        ids = ids.to(device=weight.device, dtype=torch.int64)
        read = self._run("text_encoder", input_ids=ids, attention_mask=torch.ones_like(ids))
        states: Tensor = read.last_hidden_state
        if hasattr(model, "enc_to_dec_proj"):
            states = self._run("enc_to_dec_proj", states.to(model.enc_to_dec_proj.weight.dtype))
        return states[0].to(self._dtype)

    def _run(self, part: str, *args: Any, **kwargs: Any) -> Any:
        """The output of a part of the model, with the changed weights in place of its own."""
        return functional_call(getattr(self._model, part), self._changed[part], args, kwargs)


def _changed_weights(
    model: MusicgenForConditionalGeneration, changes: Mapping[str, LowRank]
) -> Mapping[str, dict[str, Tensor]]:
    """Copies of the changed weights, by part of the model and name within it. Both parts are float32 everywhere."""
    changed: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for name, change in changes.items():
        part, _, inner = f"{name}.weight".partition(".")
        weight = model.get_submodule(name).weight.detach()
        changed[part][inner] = weight + change.to(weight.device).product()
    return changed
