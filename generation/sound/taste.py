"""A taste at work: from the features of clips to how much they are liked, and how sure that is. numpy only.

A taste is a linear head on standardised features, times a factor that makes differences of scores log-odds: of two
clips, the first is preferred with probability 1 / (1 + exp(-(score_1 - score_2))). An ensemble of further heads, each
fitted on other prompts and raters, tells how far the votes leave the score open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from generation.specs import InvalidSpec

Floats = npt.NDArray[np.floating]
FORMAT = 1
EXTREME = 6.0
"""Standard deviations beyond which a feature says no more."""
ATTENUATION = np.pi / 8
"""Of a probability under a normal score of variance v: sigmoid(x / sqrt(1 + ATTENUATION v)) (MacKay, 1992)."""


def preference(margin: Floats, spread: Floats) -> Floats:
    """The probability that the first of two clips is preferred, of differences of scores and of their spreads."""
    chance: Floats = 0.5 * (1 + np.tanh(margin / np.sqrt(1 + ATTENUATION * spread**2) / 2))
    return chance


@dataclass(frozen=True, slots=True)
class Scores:
    """`mean` `[N]` in log-odds; `heads` `[N, E]`, what each member of the ensemble makes of each clip."""

    mean: Floats
    heads: Floats

    @property
    def spread(self) -> Floats:
        """Standard deviation over the ensemble, `[N]`, of how far each clip is from the average one, which scores 0."""
        spread: Floats = self.heads.std(axis=1)
        return spread

    def margin(self, left: npt.NDArray[np.intp], right: npt.NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Differences of scores of pairs, and their standard deviation over the ensemble, `[m]` each."""
        return self.mean[left] - self.mean[right], (self.heads[left] - self.heads[right]).std(axis=1)


@dataclass(frozen=True, slots=True)
class TasteHeads:
    """`kinds` names the features in the order in which they stand in a vector, `sizes` how many numbers each has.

    `centre` and `scale` `[D]` standardise, `weights` `[D]` is the head and `ensemble` `[E, D]` its further ones, all in
    log-odds.
    """

    kinds: tuple[str, ...]
    sizes: tuple[int, ...]
    centre: Floats
    scale: Floats
    weights: Floats
    ensemble: Floats

    def standardise(self, features: Floats) -> Floats:
        """`[N, D]` in standard deviations."""
        return np.clip((features - self.centre) / self.scale, -EXTREME, EXTREME)

    def score(self, features: Floats) -> Scores:
        """Of vectors `[N, D]`. Raises `InvalidSpec` for others."""
        if features.ndim != 2 or features.shape[1] != len(self.centre):
            raise InvalidSpec(f"This taste reads {len(self.centre)} numbers of a clip, not {features.shape[-1]}.")
        standard = self.standardise(features)
        return Scores(standard @ self.weights, standard @ self.ensemble.T)

    def join(self, parts: Mapping[str, Floats]) -> Floats:
        """One vector `[D]` of a clip's features by kind. Raises `InvalidSpec` when one is missing or misshapen."""
        for kind, size in zip(self.kinds, self.sizes, strict=True):
            if kind not in parts or parts[kind].shape != (size,):
                raise InvalidSpec(f"The clip has no features “{kind}” of {size} numbers.")
        return np.concatenate([parts[kind] for kind in self.kinds])

    def to_bytes(self) -> bytes:
        """A safetensors file; what it needs beside it is in `to_mapping`."""
        names = ("centre", "scale", "weights", "ensemble")
        return save({name: np.ascontiguousarray(getattr(self, name), dtype=np.float32) for name in names})

    def to_mapping(self) -> dict[str, Any]:
        """JSON values to stand beside the file."""
        return {"format": FORMAT, "kinds": list(self.kinds), "sizes": list(self.sizes)}

    @classmethod
    def from_bytes(cls, tensors: bytes, described: Mapping[str, Any]) -> TasteHeads:
        """What `to_bytes` and `to_mapping` made. Raises `InvalidSpec` for anything else."""
        try:
            kinds, sizes = tuple(described["kinds"]), tuple(described["sizes"])
            loaded = {name: tensor.astype(np.float64) for name, tensor in load(tensors).items()}
            heads = cls(kinds, sizes, *(loaded[name] for name in ("centre", "scale", "weights", "ensemble")))
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise InvalidSpec("The files of this taste are damaged.") from error
        width = sum(sizes)
        shapes = {heads.centre.shape, heads.scale.shape, heads.weights.shape, heads.ensemble.shape[1:]}
        finite = all(np.isfinite(tensor).all() for tensor in loaded.values())
        if described.get("format") != FORMAT or shapes != {(width,)} or not finite or (heads.scale <= 0).any():
            raise InvalidSpec("The files of this taste are damaged.")
        return heads


def join_all(kinds: Sequence[str], clips: Sequence[Mapping[str, Floats]]) -> Floats:
    """Vectors `[N, D]` of clips that all have these kinds of features."""
    return np.stack([np.concatenate([clip[kind] for kind in kinds]) for clip in clips])
