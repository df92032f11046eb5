"""What the base makes of a clip, against what was recorded while the clip was made."""

from __future__ import annotations

import numpy as np

from generation.engine import hidden
from generation.jobs import hearing
from generation.specs import SampleSpec, SamplingSpec

TEXT = "calm piano at dusk"


def make(engine, seconds=1.2, text=TEXT, **more):
    sampling = SamplingSpec(guidance_scale=1.0)
    spec = SampleSpec("job", 0, text, seed=3, duration=seconds, sampling=sampling, record_logprobs=True, **more)
    return next(iter(engine.generate([spec])))


def test_its_log_probabilities_are_those_recorded_while_the_clip_was_made(engine):
    require_recorded(engine)


def test_a_stereo_clips_log_probabilities_are_those_recorded(stereo_engine):
    require_recorded(stereo_engine)


def require_recorded(engine):
    made = make(engine)
    vector = engine.hear(TEXT, made.codes)
    books = len(made.codes)
    np.testing.assert_allclose(vector[-2 * books : -books], made.logprobs.mean(1), atol=1e-4)
    np.testing.assert_allclose(vector[-books:], made.logprobs.std(1), atol=1e-4)


def test_its_states_are_the_means_of_four_of_the_decoders_layers(engine):
    made = make(engine)
    vector = engine.hear(TEXT, made.codes)
    width = engine._model.decoder.config.hidden_size
    assert vector.dtype == np.float32
    assert vector.shape == (4 * width + 2 * len(made.codes),)
    assert np.isfinite(vector).all()
    assert not np.allclose(vector, engine.hear("fast rock with drums", made.codes))


def test_a_text_without_tokens_can_be_heard(engine):
    made = make(engine)
    assert np.isfinite(engine.hear("", made.codes)).all()


def test_of_a_longer_clip_the_first_window_is_read(engine):
    made = make(engine)
    window = engine.window_frames
    repeated = np.tile(made.codes, (1, 2 + 2 * window // made.codes.shape[1]))
    np.testing.assert_array_equal(engine.hear(TEXT, repeated), engine.hear(TEXT, repeated[:, :window]))


def test_the_revision_that_rows_name_is_that_of_the_code():
    assert hearing.HIDDEN_REVISION == hidden.REVISION
