"""How many planes of each frame the decoder gets to hear in training, so that it serves every bitrate."""

from __future__ import annotations

import torch

from nac_cli.models.encodec.config import EncodecConfig
from nac_cli.train.codec.config import TrainConfig

LOW_ODDS = (1, 3, 4, 4, 3, 2, 1, 2)
"""How often 1, 2, ... planes are drawn by "mostly low"; deeper ones once each."""


def draw(config: TrainConfig, count: int, planes: int) -> torch.Tensor:
    """Depths `[count, F]` of a batch in 1..`planes`, of the kind that `config.depths` names, by torch's generator."""
    return KINDS[config.depths](config, count, planes)


def varying(config: TrainConfig, count: int, planes: int) -> torch.Tensor:
    """Some items whole, the others with one change of depth at a random frame: rate control changes it within a
    stream."""
    frames = config.excerpt_frames
    before, after = torch.randint(1, planes + 1, (2, count, 1))
    depths = torch.where(torch.arange(frames) < torch.randint(frames * 2, (count, 1)), before, after)
    depths[torch.rand(count) < config.full_depth_share] = planes
    return depths


def mostly_low(config: TrainConfig, count: int, planes: int) -> torch.Tensor:
    """One change of depth at a random frame, as above, but all items mostly with LOW_ODDS of the planes: the layer of
    detail takes over where there are bits for more."""
    frames = config.excerpt_frames
    odds = torch.tensor(LOW_ODDS + (1,) * max(planes - len(LOW_ODDS), 0), dtype=torch.float32)[:planes]
    before, after = 1 + torch.multinomial(odds, 2 * count, replacement=True).view(2, count, 1)
    return torch.where(torch.arange(frames) < torch.randint(frames * 2, (count, 1)), before, after)


def by_item(config: TrainConfig, count: int, planes: int) -> torch.Tensor:
    """Some items whole, the others with a depth of their own: quantizer dropout (Improved RVQGAN, section 3.3). As in
    its code, exactly the share of a batch is whole; with a share of 1, all planes always (SNAC)."""
    depths = torch.randint(1, planes + 1, (count,))
    depths[torch.randperm(count) < round(config.full_depth_share * count)] = planes
    return depths.unsqueeze(1).repeat(1, config.excerpt_frames)


def by_bitrate(config: TrainConfig, count: int, planes: int) -> torch.Tensor:
    """One of the bitrates that the model is for, for the whole batch (EnCodec, section 3.4)."""
    model = config.model
    assert isinstance(model, EncodecConfig)  # `TrainConfig` has seen to it
    depth = model.codebooks_at(model.bitrates[int(torch.randint(len(model.bitrates), ()))])
    return torch.full((count, config.excerpt_frames), depth)


KINDS = {
    "varying": varying,
    "mostly low": mostly_low,
    "by item": by_item,
    "by bitrate": by_bitrate,
}
