"""A smaller UNet cut out of a trained one: whole groups of channels, the heaviest kept.

The small network has the same blocks and fewer channels of every width, so that each of its
channels is one of the large network's, and what a block makes can be compared channel by channel
while distilling (:mod:`training.mini.distill`). Widths are cut by whole normalisation groups:
12 groups of 32 leave each kept group's statistics as they were.

Structured pruning by magnitude: Li et al. 2016, arXiv 1608.08710. Blocks are not removed as BK-SDM
does (arXiv 2305.15798): with one layer a block there is no second one to take, and the cloud's
cost lies in its widths (the mid block, which BK-SDM-tiny drops, is 7 % of it).
"""

from __future__ import annotations

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

Rows = Tensor  # indices of kept channels, ascending


def _heaviest(weights: Tensor, groups: int, keep: int) -> Rows:
    """Channels of the ``keep`` groups of ``weights`` (channels, ...) with the largest norms."""
    size = len(weights) // groups
    norms = weights.flatten(1).square().sum(1).view(groups, size).sum(1)
    kept = norms.topk(keep).indices.sort().values
    return (kept[:, None] * size + torch.arange(size, device=kept.device)).flatten()


class Cut:
    """Which channels of ``large`` each part of ``small`` keeps."""

    def __init__(self, large: UNet2DConditionModel, small: UNet2DConditionModel) -> None:
        self.large, self.small = large, small
        self.state = large.state_dict()
        self.groups = int(large.config.norm_num_groups), int(small.config.norm_num_groups)
        self.widths: tuple[int, ...] = tuple(large.config.block_out_channels)
        self.stream = {w: self._stream(w) for w in self.widths}

    def _stream(self, width: int) -> Rows:
        """The residual stream of one width: by the norms of everything that writes to it."""
        writers = ("conv2.weight", "proj_out.weight", "samplers.0.conv.weight", "conv_in.weight")
        written = [
            v.flatten(1) for k, v in self.state.items() if k.endswith(writers) and len(v) == width
        ]
        return _heaviest(torch.cat(written, 1), *self.groups)

    def features(self) -> list[Rows]:
        """The kept channels of what each down block, the mid block and each up block returns."""
        down = [self.stream[w] for w in self.widths]
        return [*down, down[-1], *(self.stream[w] for w in reversed(self.widths))]

    def _into(self, name: str) -> Rows:
        """What a resnet reads: one stream, or the stream and a skip side by side."""
        parts = name.split(".")
        total = self.state[f"{name}.conv1.weight"].shape[1]
        if parts[0] != "up_blocks":
            return self.stream[total]
        level = len(self.widths) - 1 - int(parts[1])
        first = parts[3] == "0"
        before = self.widths[min(level + 1, len(self.widths) - 1)] if first else self.widths[level]
        return torch.cat([self.stream[before], before + self.stream[total - before]])

    def _resnet(self, name: str) -> dict[str, Tensor]:
        s, get = self.stream, self.state
        read = self._into(name)
        write = s[len(get[f"{name}.conv2.weight"])]
        inner = _heaviest(get[f"{name}.conv2.weight"].transpose(0, 1), *self.groups)
        out = {
            "norm1.weight": get[f"{name}.norm1.weight"][read],
            "norm1.bias": get[f"{name}.norm1.bias"][read],
            "conv1.weight": get[f"{name}.conv1.weight"][inner][:, read],
            "conv2.weight": get[f"{name}.conv2.weight"][write][:, inner],
            "conv2.bias": get[f"{name}.conv2.bias"][write],
        }
        for part in ("conv1.bias", "norm2.weight", "norm2.bias"):
            out[part] = get[f"{name}.{part}"][inner]
        for part in ("time_emb_proj.weight", "time_emb_proj.bias"):
            out[part] = get[f"{name}.{part}"][inner]
        if f"{name}.conv_shortcut.weight" in get:
            out["conv_shortcut.weight"] = get[f"{name}.conv_shortcut.weight"][write][:, read]
            out["conv_shortcut.bias"] = get[f"{name}.conv_shortcut.bias"][write]
        return out

    def _attention(self, name: str) -> dict[str, Tensor]:
        get = self.state
        block = f"{name}.transformer_blocks.0"
        width = len(get[f"{name}.proj_in.weight"])
        outer = self.stream[width]
        inner = _heaviest(get[f"{name}.proj_in.weight"], *self.groups)
        small = len(inner)
        out = {
            "norm.weight": get[f"{name}.norm.weight"][outer],
            "norm.bias": get[f"{name}.norm.bias"][outer],
            "proj_in.weight": get[f"{name}.proj_in.weight"][inner][:, outer],
            "proj_in.bias": get[f"{name}.proj_in.bias"][inner],
            "proj_out.weight": get[f"{name}.proj_out.weight"][outer][:, inner],
            "proj_out.bias": get[f"{name}.proj_out.bias"][outer],
        }
        heads = int(self.large.config.attention_head_dim)  # the number of heads, see `unet`
        for attention in ("attn1", "attn2"):
            q, k, v, o = (
                get[f"{block}.{attention}.{p}.weight"] for p in ("to_q", "to_k", "to_v", "to_out.0")
            )
            look = self._a_head(q.norm(dim=1) * k.norm(dim=1), heads, small)
            carry = self._a_head(v.norm(dim=1) * o.norm(dim=0), heads, small)
            own = attention == "attn1"  # attends to itself: its keys and values are cut as well
            prefix = f"transformer_blocks.0.{attention}"
            # the scores are divided by the root of the head's size, which is smaller now
            out[f"{prefix}.to_q.weight"] = q[look][:, inner] * (small / width) ** 0.5
            out[f"{prefix}.to_k.weight"] = k[look][:, inner] if own else k[look]
            out[f"{prefix}.to_v.weight"] = v[carry][:, inner] if own else v[carry]
            out[f"{prefix}.to_out.0.weight"] = o[inner][:, carry]
            out[f"{prefix}.to_out.0.bias"] = get[f"{block}.{attention}.to_out.0.bias"][inner]
        for norm in ("norm1", "norm2", "norm3"):
            for part in ("weight", "bias"):
                name_ = f"transformer_blocks.0.{norm}.{part}"
                out[name_] = get[f"{name}.{name_}"][inner]
        up, bias = get[f"{block}.ff.net.0.proj.weight"], get[f"{block}.ff.net.0.proj.bias"]
        half = len(up) // 2
        kept = get[f"{block}.ff.net.2.weight"].norm(dim=0).topk(4 * small).indices.sort().values
        both = torch.cat([kept, half + kept])  # values, then their gates
        out["transformer_blocks.0.ff.net.0.proj.weight"] = up[both][:, inner]
        out["transformer_blocks.0.ff.net.0.proj.bias"] = bias[both]
        out["transformer_blocks.0.ff.net.2.weight"] = get[f"{block}.ff.net.2.weight"][inner][
            :, kept
        ]
        out["transformer_blocks.0.ff.net.2.bias"] = get[f"{block}.ff.net.2.bias"][inner]
        return out

    @staticmethod
    def _a_head(score: Tensor, heads: int, small: int) -> Rows:
        """The ``small / heads`` best channels of every head."""
        size = len(score) // heads
        best = score.view(heads, size).topk(small // heads, dim=1).indices.sort(1).values
        return (best + torch.arange(heads, device=score.device)[:, None] * size).flatten()

    @torch.no_grad()
    def copy(self) -> None:
        """Fills the small network.

        Raises:
            RuntimeError: a part of the small network was given nothing, or another shape.
        """
        first = self.stream[self.widths[0]]
        new: dict[str, Tensor] = {
            "conv_in.weight": self.state["conv_in.weight"][first],
            "conv_in.bias": self.state["conv_in.bias"][first],
            "conv_norm_out.weight": self.state["conv_norm_out.weight"][first],
            "conv_norm_out.bias": self.state["conv_norm_out.bias"][first],
            "conv_out.weight": self.state["conv_out.weight"][:, first],
            "conv_out.bias": self.state["conv_out.bias"],
        }
        for name, module in self.large.named_modules():
            kind = type(module).__name__
            if kind == "ResnetBlock2D":
                new |= {f"{name}.{k}": v for k, v in self._resnet(name).items()}
            elif kind == "Transformer2DModel":
                new |= {f"{name}.{k}": v for k, v in self._attention(name).items()}
            elif kind in ("Downsample2D", "Upsample2D"):
                rows = self.stream[len(self.state[f"{name}.conv.weight"])]
                new[f"{name}.conv.weight"] = self.state[f"{name}.conv.weight"][rows][:, rows]
                new[f"{name}.conv.bias"] = self.state[f"{name}.conv.bias"][rows]
        for name, value in self.state.items():
            if name.startswith(("time_embedding", "add_embedding")):
                new[name] = value
        name = "time_embedding.linear_1.weight"
        new[name] = _fewer_frequencies(self.state[name], self.small.config.block_out_channels[0])
        self.small.load_state_dict(new)


def _fewer_frequencies(weight: Tensor, width: int) -> Tensor:
    """Reads ``width`` sinusoids of the timestep where ``weight`` (n, more) read more.

    Frequencies fall geometrically over the same range: the columns are read between.
    """
    halves = weight.view(len(weight), 2, -1)
    fewer = torch.nn.functional.interpolate(
        halves, size=width // 2, mode="linear", align_corners=True
    )
    return fewer.flatten(1) * (weight.shape[1] / width)
