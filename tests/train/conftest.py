"""A corpus for the families: at another rate than any of them."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from nac_cli.train.corpus.prepare import find_audio, prepare


@pytest.fixture(scope="session")
def tones(tmp_path_factory):
    """A prepared corpus at 44.1 kHz: wavering tones in one channel and, of another pitch on each side, in two."""
    folder, target = tmp_path_factory.mktemp("recordings"), tmp_path_factory.mktemp("corpus")
    time = np.arange(3 * 44_100) / 44_100
    tone = [0.2 * np.sin(2 * np.pi * pitch * time) * (1 + np.sin(9 * time)) for pitch in (220, 440, 660)]
    soundfile.write(folder / "mono.wav", tone[0], 44_100)
    soundfile.write(folder / "stereo.wav", np.stack(tone[1:], 1), 44_100)
    prepare(find_audio(folder), target, 44_100, workers=1)
    return target
