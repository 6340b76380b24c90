"""A network cut out of another keeps what it keeps."""

from __future__ import annotations

import torch

from training.mini import distill
from training.mini.denoiser import unet
from training.mini.prune import Cut

WIDTHS = (32, 64, 96)


def _inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    x = torch.randn(2, 8, 16, 16, generator=g)
    return x, torch.tensor([100, 700]), torch.randn(2, 48, 192, generator=g)


def test_keeping_every_group_is_a_copy() -> None:
    large, small = unet(WIDTHS, 8), unet(WIDTHS, 8)
    Cut(large, small).copy()
    x, t, states = _inputs()
    with torch.no_grad():
        torch.testing.assert_close(small(x, t, states).sample, large(x, t, states).sample)


def test_a_cut_network_keeps_the_channels_that_it_names() -> None:
    """Channels that are nothing in the large network are those that go; the output stays."""
    large = unet(WIDTHS, 8)
    small = unet((24, 48, 72), 8, groups=24, time_embedding_dim=128)
    cut = Cut(large, small)
    cut.copy()
    mine, theirs = small.state_dict(), large.state_dict()
    read = cut.stream[64]
    name = "down_blocks.1.downsamplers.0.conv.weight"
    torch.testing.assert_close(mine[name], theirs[name][read][:, read])
    # a skip connection stands behind the stream it joins
    name = "up_blocks.1.resnets.1.norm1.weight"
    both = torch.cat([cut.stream[64], 64 + cut.stream[32]])
    torch.testing.assert_close(mine[name], theirs[name][both])


def test_the_heaviest_groups_stay() -> None:
    large = unet(WIDTHS, 8)
    with torch.no_grad():
        for key, value in large.named_parameters():
            writes = key.endswith(("conv2.weight", "conv.weight", "conv_in.weight"))
            if writes and len(value) == 32:
                value[8:16] = 0
    cut = Cut(large, unet((24, 48, 72), 8, groups=24, time_embedding_dim=128))
    assert not set(range(8, 16)) & set(cut.stream[32].tolist())


def test_features_are_compared_channel_by_channel() -> None:
    """A student that is its teacher has no distance to it, in any block."""
    teacher, student = unet(WIDTHS, 8), unet(WIDTHS, 8)
    Cut(teacher, student).copy()
    x, t, states = _inputs()
    lesson = distill.Lesson(teacher, student, torch.zeros(1, 48, 192))
    with torch.no_grad():
        student(x[:1], t[:1], states[:1])  # a pass that is not a lesson is not compared
        loss, guided, feature = lesson(x, t, states, torch.ones(2))
    assert float(loss) < 1e-8 and float(guided) < 1e-8 and float(feature) < 1e-8
    with torch.no_grad():
        student.mid_block.resnets[0].conv1.weight.mul_(0.5)
    assert float(lesson(x, t, states, torch.ones(2))[2]) > 1e-4
