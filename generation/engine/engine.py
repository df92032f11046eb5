"""The engine: sample specifications in, finished clips out. `EngineCache` keeps engines between jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import psutil
import torch

from generation.engine.adapters import AdapterProbe, changes_of
from generation.engine.batch import NOISE_STEPS, Batch, Layout, Monitor
from generation.engine.clip import Clip, check_spec, decoding_steps, plan_windows
from generation.engine.codec import Codec
from generation.engine.decoder import QUANTA, row_quantum
from generation.engine.delay import codebook_delays
from generation.engine.encoder import EncoderCache
from generation.engine.exceptions import OutOfMemory
from generation.engine.hidden import HiddenStates
from generation.engine.loading import choose_device, choose_dtype, load_model
from generation.engine.memory import LoadedCache, is_memory_failure
from generation.engine.text import TextEncoder
from generation.engine.weights import DecoderWeights, read_weights
from generation.jobs.pace import FinishingPace
from generation.specs import (
    AdapterSpec,
    Codes,
    Features,
    ModelFacts,
    ModelSpec,
    ProgressCallback,
    SampleResult,
    SampleSpec,
    StopCallback,
    Waveform,
)
from generation.texts import gettext_noop

MEMORY_SHARE = 0.5
LARGEST_BATCH = 64


class Engine:
    """A loaded base model that turns specs into clips.

    Given one machine and one model, the codes of a clip depend on its own spec only. Where `batch_invariant` is True
    this holds bit for bit, whatever else is in the batch and however many threads decode (only the text encoder's last
    bits may depend on the number of threads). Where it is False, because the matrix library was found to round
    differently for different batch sizes, as GPU libraries do, a draw may differ when its two best candidates are equal
    within rounding.
    """

    def __init__(
        self,
        model: ModelSpec,
        *,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
        max_batch_size: int | None = None,
    ) -> None:
        """Load `model`. `max_batch_size` None lets free memory decide. Raises ModelLoadError."""
        self.model_spec = model
        self.device = choose_device(device)
        loaded = load_model(model, self.device, choose_dtype(dtype, self.device))
        self._facts = loaded.facts
        self._model = loaded.model
        self._tokenizer = loaded.tokenizer
        self._text_encoder = TextEncoder(loaded.model, loaded.tokenizer)
        config = loaded.model.decoder.config
        self._codec = Codec(loaded.model.audio_encoder, config.num_codebooks, config.audio_channels)
        self._max_batch_size = max_batch_size
        self.finishing = FinishingPace()
        self.window_frames = round(loaded.facts.max_duration * self._codec.frame_rate)
        delays = codebook_delays(config.num_codebooks, config.audio_channels)
        self._positions = self.window_frames + max(delays) + 1
        self._base_weights = read_weights(loaded.model.decoder, self._positions)
        self._applied: tuple[tuple[AdapterSpec, ...], DecoderWeights, TextEncoder] | None = None
        quantum = row_quantum(self._base_weights)
        self.batch_invariant = quantum is not None
        codes = min(config.vocab_size, self._codec.codebook_size)
        self._layout = Layout(delays, self._pad_token(), codes, quantum or QUANTA[0])
        self._hidden = HiddenStates(
            loaded.model, self._text_encoder, delays, self._layout.pad_token, self.window_frames
        )

    def _pad_token(self) -> int:
        generation = self._model.generation_config
        token = generation.decoder_start_token_id
        token = generation.bos_token_id if token is None else token
        return int(self._model.decoder.config.pad_token_id if token is None else token)

    @property
    def facts(self) -> ModelFacts:
        """What the model's folder says about it."""
        return self._facts

    def decode(self, codes: Codes) -> Waveform:
        """Codes `[K, T]` to the codec's waveform `[C, N]` float32, before any loudness normalisation."""
        return self._codec.decode(codes)

    def encode(self, audio: Waveform, sample_rate: int) -> Codes:
        """A waveform `[C, N]` at `sample_rate` Hz to codes `[K, T]` int16, for continuing a given recording."""
        return self._codec.encode(audio, sample_rate)

    def hear(self, text: str, codes: Codes) -> Features:
        """What the base makes of a clip, `[4 H + 2 K]`; see `generation.engine.hidden`. Raises OutOfMemory."""
        try:
            return self._hidden.of(text, codes)
        except RuntimeError as error:
            if not is_memory_failure(error):
                raise
            raise OutOfMemory(
                gettext_noop("The device ran out of memory while a clip was heard. Use a smaller model.")
            ) from error

    def adapter_effect(self, adapter: AdapterSpec) -> float:
        """Largest change of any logit that `adapter` makes on a fixed probe; always more than rounding makes.

        Raises AdapterError when it does not fit this model, changes nothing, or holds values that are not finite.
        """
        return AdapterProbe(self._model, self._tokenizer, self._layout).change(adapter)

    def generate(
        self,
        specs: Sequence[SampleSpec],
        on_progress: ProgressCallback | None = None,
        should_stop: StopCallback | None = None,
    ) -> Iterator[SampleResult]:
        """Make all `specs`, of one or of many jobs; yields each clip as soon as it is finished.

        `should_stop(job_id)` is asked and `on_progress` told about every quarter of a second. Clips of a stopped job
        are dropped and never yielded. Raises InvalidSpec (at once, before anything is made), AdapterError, OutOfMemory.
        """
        clips = {}
        for spec in specs:
            check_spec(spec, len(self._layout.delays), self._layout.codes)
            plan = plan_windows(spec, self._codec.frame_rate, self.window_frames)
            steps = decoding_steps(plan, max(self._layout.delays))
            clips[Clip(spec, plan, len(self._layout.delays), self._base_weights.vocabulary)] = steps
        return self._make(list(clips), Monitor(clips, on_progress, should_stop))

    def _make(self, waiting: list[Clip], monitor: Monitor) -> Iterator[SampleResult]:
        waiting.sort(key=lambda clip: clip.spec.duration)
        while waiting:
            clips = self._take_batch(waiting)
            for clip in self._decode_batch(clips, monitor):
                if clip.finished:
                    monitor.report_finished()
                    yield self._finish(clip)
                else:
                    waiting.append(clip)
            waiting[:] = [clip for clip in waiting if not monitor.is_stopped(clip)]

    def _take_batch(self, waiting: list[Clip]) -> list[Clip]:
        """Remove from `waiting` the clips to decode next: those that can run beside the first of them."""
        first = waiting[0]
        alike = [clip for clip in waiting if _compatible(first, clip)]
        size = self._batch_size(alike)
        chosen = alike[:size]
        waiting[:] = [clip for clip in waiting if clip not in chosen]
        return chosen

    def _batch_size(self, clips: Sequence[Clip]) -> int:
        if self._max_batch_size is not None:
            return self._max_batch_size
        longest = max(clip.window_frames for clip in clips)
        return max(1, min(LARGEST_BATCH, int(self._free_memory() * MEMORY_SHARE) // self._bytes_per_clip(longest)))

    def _bytes_per_clip(self, frames: int) -> int:
        """Memory one guided clip needs while it is decoded: two rows of cache, and the logits and noise of sampling."""
        weights = self._base_weights
        cache = 2 * len(weights.layers) * 2 * weights.hidden_size * (frames + max(self._layout.delays) + 1)
        sampling = (NOISE_STEPS + 8) * weights.codebooks * weights.vocabulary * 8
        return cache * weights.dtype.itemsize + sampling

    def _free_memory(self) -> int:
        if self.device.type == "cuda":
            return torch.cuda.mem_get_info(self.device)[0]
        return int(psutil.virtual_memory().available)

    def _decode_batch(self, clips: list[Clip], monitor: Monitor) -> Iterator[Clip]:
        try:
            weights, text_encoder = self._with(clips[0].adapters)
            texts = {clip.spec.text: text_encoder.encode(clip.spec.text) for clip in clips}
            yield from Batch(weights, self._layout, clips, texts).run(monitor)
        except RuntimeError as error:
            if not is_memory_failure(error):
                raise
            fewer = gettext_noop("fewer samples at a time, ") if len(clips) > 1 else ""
            raise OutOfMemory(
                gettext_noop(
                    "The device ran out of memory while making %(clips)s clip(s) together. Try %(fewer)sa shorter "
                    "duration or a smaller model."
                )
                % {"clips": len(clips), "fewer": fewer}
            ) from error

    def _with(self, adapters: tuple[AdapterSpec, ...]) -> tuple[DecoderWeights, TextEncoder]:
        """Weights and text encoder with `adapters` applied; those of the last used combination are kept."""
        if not adapters:
            return self._base_weights, self._text_encoder
        if self._applied is None or self._applied[0] != adapters:
            self._applied = None  # frees the copies of the last ones first
            changes = changes_of(self._model, adapters)
            weights = read_weights(self._model.decoder, self._positions, changes.decoder)
            encoder = self._text_encoder
            if changes.text:
                encoder = TextEncoder(self._model, self._tokenizer, changes.text)
            self._applied = adapters, weights, encoder
        return self._applied[1:]

    def _finish(self, clip: Clip) -> SampleResult:
        codes = clip.codes.to(torch.int16).numpy()
        began = time.monotonic()
        audio = self.decode(codes)
        return SampleResult(
            job_id=clip.spec.job_id,
            index=clip.spec.index,
            codes=codes,
            audio=audio,
            sample_rate=self._codec.sample_rate,
            frame_rate=self._codec.frame_rate,
            logprobs=clip.logprobs.numpy() if clip.spec.record_logprobs else None,
            codec_seconds=time.monotonic() - began,
        )


def _compatible(first: Clip, other: Clip) -> bool:
    return first.adapters == other.adapters and first.context.shape[1] == other.context.shape[1]


class EngineCache(LoadedCache[ModelSpec, Engine]):
    """Engines owned by one worker process, by exactly their model (key, path and revision), and encoders beside them.

    Before a model is loaded the encoders leave: both at once may be too much for the device.
    """

    def __init__(self, capacity: int = 1, make: Callable[[ModelSpec], Engine] = Engine) -> None:
        super().__init__(capacity, make)
        self.encoders = EncoderCache()

    def load(self, spec: ModelSpec) -> Engine:
        """Raises ModelLoadError."""
        self.encoders.clear()
        return super().load(spec)

    def clear(self) -> None:
        """Forget all engines and encoders."""
        self.encoders.clear()
        super().clear()
