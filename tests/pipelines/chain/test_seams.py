"""Chunks are a matter of the file: what is heard, and which codes are sent, is as if there were none."""

from __future__ import annotations

import io

import numpy as np
import torch

import nac_cli
from nac_cli.container import ContainerReader
from nac_cli.models import zoo
from nac_cli.pipelines.chain.analysis import Levelled, cut, encode, level, rotate_pairs
from nac_cli.pipelines.chain.unpacking import decode_records
from nac_cli.pipelines.chain.voices import Voices
from nac_cli.pipelines.models.opening import CodersToUnpack
from nac_cli.values import Framing, StreamInfo
from tests.helpers.sounds import HOP, noise
from tests.helpers.streams import compressed, decoded

FRAMES = 3 * 864 + 100


def test_codes_of_chunks_equal_those_of_the_whole(tiny):
    model = nac_cli.load_model(tiny, "cpu")
    wav = noise(1, FRAMES * HOP, level=1.0).samples
    with torch.inference_mode():
        whole = model.encode(torch.from_numpy(wav)[None])
    size = 864 * HOP
    loud, none = np.zeros((1, 1), bool), np.zeros((1, 0), np.int64)  # for each step; what is not looked at
    parts = [wav[:, at : at + size] for at in range(0, wav.shape[1], size)]
    chunks = list(
        encode([Levelled(part, none, none, none, loud) for part in parts], Framing(), model, Voices.of((1,), 1))
    )
    assert [chunk.num_frames for chunk in chunks] == [864, 864, 864, 100]
    for plane, codes in enumerate(whole.codes):
        chunked = np.concatenate([chunk.codes[plane] for chunk in chunks], axis=1)
        assert (chunked == codes.numpy()).mean() > 0.9999  # a tie may fall the other way


def test_sound_of_chunks_equals_that_of_the_whole(tiny):
    sound = noise(1, FRAMES * HOP - 17)
    data = compressed(sound, tiny, planes=4)
    reader = ContainerReader(io.BytesIO(data))
    records = list(decode_records(reader.chunks(), reader.info, CodersToUnpack(zoo.find(tiny), reader.info), []))
    planes = [torch.from_numpy(np.concatenate([c.codes[0][k] for c in records])).long()[None] for k in range(4)]
    with torch.inference_mode():
        whole = nac_cli.load_model(tiny, "cpu").decode(tuple(planes))[0].numpy()
    gains = np.concatenate([c.gains[:, :9] for c in records[:-1]] + [records[-1].gains], axis=1)
    from nac_cli.audio import gain_curve

    whole = whole * gain_curve(gains[0], 96 * HOP, 0, whole.shape[1])
    back = decoded(data).samples
    assert np.abs(back - whole[:, : back.shape[1]]).max() < 1e-4


def test_level_and_rotation_come_off_and_go_back_on_exactly(tiny):
    """The stages around the model, with a model that changes nothing."""
    spec = nac_cli.load_model(tiny, "cpu").spec
    info = StreamInfo(spec, 44_100, 2, (2,))
    time = np.arange(30 * 44_100) / 44_100
    sound = np.stack([np.sin(500 * time) * np.cos(time), np.sin(500 * time) * np.sin(time)]).astype(np.float32)
    sound *= np.linspace(0.001, 0.9, len(time), dtype=np.float32)
    stretches = list(level(rotate_pairs(cut([sound], info), info.groups), info.framing, HOP))
    back = []
    for stretch in stretches:
        from nac_cli.audio import angle_ramp, gain_curve, unrotate

        length = stretch.samples.shape[1]
        wav = stretch.samples * np.stack([gain_curve(nodes, 96 * HOP, 0, length) for nodes in stretch.gains])
        back.append(unrotate(wav, angle_ramp(*map(int, stretch.angles[0]), 0, length, length)))
    back = np.concatenate(back, axis=1)[:, : sound.shape[1]]
    assert np.abs(back - sound).max() < 1e-5
    for first, second in zip(stretches, stretches[1:]):
        assert first.angles[0, 1] == second.angles[0, 0]
        assert (first.gains[:, -1] == second.gains[:, 0]).all()
