"""The codec: an EnCodec at 16 kHz and 50 frames per second, with a quantiser that can be trained.

`transformers`' EnCodec has no training path for its codebooks; `TrainableQuantizer` works on the same buffers.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize
from transformers import EncodecConfig, EncodecModel

from generation.bundled.recipe.constants import CODEBOOK_SIZE, NUM_CODEBOOKS, SAMPLE_RATE

LATENT_SIZE = 16
"""Channels of the latents. Muon keeps them near white: the more there are, the less 36 bits per frame say of each."""


def codec_config(num_filters: int = 16) -> EncodecConfig:
    """Causal convolutions with zero padding: a code depends on no later sample, so codes can be continued exactly."""
    return EncodecConfig(
        sampling_rate=SAMPLE_RATE,
        audio_channels=1,
        num_filters=num_filters,
        hidden_size=LATENT_SIZE,
        codebook_dim=LATENT_SIZE,
        codebook_size=CODEBOOK_SIZE,
        upsampling_ratios=[5, 4, 4, 4],
        target_bandwidths=[2.2],
        num_residual_layers=1,
        use_causal_conv=True,
        pad_mode="constant",
        use_conv_shortcut=False,
        num_lstm_layers=1,
        normalize=False,
    )


def build_codec(config: EncodecConfig) -> EncodecModel:
    """A new codec with plain convolution weights (`strip_weight_norm`), ready for training."""
    codec = EncodecModel(config)
    if len(codec.quantizer.layers) != NUM_CODEBOOKS:
        raise ValueError(f"the bandwidth gives {len(codec.quantizer.layers)} codebooks instead of {NUM_CODEBOOKS}")
    strip_weight_norm(codec)
    return codec


def strip_weight_norm(codec: nn.Module) -> None:
    """Fold weight normalisation into plain weights: Muon normalises updates itself."""
    for module in codec.modules():
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")


def restore_weight_norm(codec: nn.Module) -> None:
    """Put weight normalisation back, without changing any output, as `transformers` expects it in a saved model."""
    for module in codec.modules():
        if isinstance(module, nn.Conv1d | nn.ConvTranspose1d) and not parametrize.is_parametrized(module, "weight"):
            parametrizations.weight_norm(module)


class TrainableQuantizer:
    """Trains an EnCodec's residual codebooks: k-means start, then exponential moving averages.

    Codes unused for a while are put back on a random vector of the batch. Works in place on the codec's own buffers.
    """

    def __init__(self, codec: EncodecModel, decay: float = 0.97) -> None:
        self.codebooks = [layer.codebook for layer in codec.quantizer.layers]
        self.decay = decay

    @torch.no_grad()
    def initialise(self, vectors: torch.Tensor, rounds: int = 12) -> None:
        """k-means on `[n, dim]` vectors, one codebook after the other on what the earlier ones leave over."""
        residual = vectors
        for codebook in self.codebooks:
            size = codebook.codebook_size
            picks = torch.randperm(len(residual))[:size]
            codebook.embed.copy_(residual[picks])
            for _ in range(rounds):
                index = codebook.quantize(residual)
                count = torch.bincount(index, minlength=size).to(residual.dtype)
                total = torch.zeros_like(codebook.embed).index_add_(0, index, residual)
                used = count > 0
                codebook.embed[used] = total[used] / count[used, None]
                empty = int((~used).sum())
                codebook.embed[~used] = residual[torch.randint(len(residual), (empty,))]
            index = codebook.quantize(residual)
            count = torch.bincount(index, minlength=size).to(residual.dtype)
            codebook.cluster_size.copy_(count * (4096 / len(residual)))
            codebook.embed_avg.copy_(codebook.embed * codebook.cluster_size[:, None])
            residual = residual - codebook.decode(index)

    def __call__(self, latents: torch.Tensor, *, update: bool, books: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Quantise `[batch, dim, frames]` with the first `books` codebooks.

        Returns the straight-through quantised latents, and the commitment loss.
        """
        batch, dim, frames = latents.shape
        flat = latents.permute(0, 2, 1).reshape(-1, dim)
        residual = flat.detach()
        total = torch.zeros_like(residual)
        for codebook in self.codebooks[:books]:
            index = codebook.quantize(residual)
            chosen = codebook.decode(index)
            if update:
                self._update(codebook, residual, index)
            total = total + chosen
            residual = residual - chosen
        commitment = (flat - total).square().mean() / flat.detach().square().mean().clamp_min(1e-6)
        straight = flat + (total - flat).detach()
        return straight.view(batch, frames, dim).permute(0, 2, 1), commitment

    @torch.no_grad()
    def _update(self, codebook: nn.Module, vectors: torch.Tensor, index: torch.Tensor) -> None:
        count = torch.bincount(index, minlength=codebook.codebook_size).to(vectors.dtype)
        total = torch.zeros_like(codebook.embed).index_add_(0, index, vectors)
        codebook.cluster_size.lerp_(count, 1 - self.decay)
        codebook.embed_avg.lerp_(total, 1 - self.decay)
        codebook.embed.copy_(codebook.embed_avg / codebook.cluster_size.clamp_min(1e-3)[:, None])
        dead = codebook.cluster_size < 0.03
        if dead.any():
            fresh = vectors[torch.randint(len(vectors), (int(dead.sum()),))]
            codebook.embed[dead] = fresh
            codebook.cluster_size[dead] = 0.3
            codebook.embed_avg[dead] = 0.3 * fresh
