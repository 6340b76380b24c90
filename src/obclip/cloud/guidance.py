"""Guidance of nodes: an unconditional pass each, one for all, a carried difference, or none.

With c and u the predictions of a node, guidance g gives u + g (c - u) = c + (g - 1) (c - u), so
all a later step needs of the unconditional pass is the difference c - u.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from obclip.cloud.plan import Node


def guided(conditional: Tensor, difference: Tensor | None, scale: float) -> Tensor:
    """The guided prediction; None for the conditional one alone. Shapes are equal."""
    return conditional if difference is None else conditional + (scale - 1.0) * difference


def weights(nodes: tuple[Node, ...]) -> Tensor:
    """The share of each node in the mean over all candidates, (nodes,) summing to 1.

    Overlapping nodes (main effects) count by members too, so every attribute weighs the same.
    """
    counts = torch.tensor([float(len(node)) for node in nodes])
    return counts / counts.sum()


def mean(latents: Tensor, nodes: tuple[Node, ...]) -> Tensor:
    """The candidates' mean of node latents: (images, nodes, c, h, w) to (images, 1, c, h, w)."""
    share = weights(nodes).to(latents)
    return torch.einsum("n,inchw->ichw", share, latents)[:, None]


def of_each(common: Tensor, latents: Tensor, middle: Tensor, sigma: float, kind: str) -> Tensor:
    """What one pass at the nodes' mean says of each node: (images, 1, ...) to (images, nodes, ...).

    They share the velocity. Shared *noise* would draw nodes together, since noise follows a latent
    one to one: the more of a latent is noise, the nearer its velocity stays where it was.

    Args:
        common: the prediction at ``middle``, the mean latent (images, 1, c, h, w).
        latents: of the nodes, scaled as the model takes them.
        sigma: share of noise in them.
        kind: what the model predicts, in diffusers' words.
    """
    if kind == "epsilon":
        return common + sigma * (latents - middle)
    if kind == "sample":
        return common + math.sqrt(1 - sigma**2) * (latents - middle)
    return common
