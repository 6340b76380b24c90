"""What a run carries from step to step, and how a branching mixes it.

A deterministic first- or second-order solver is linear in its latents and in the model outputs it
remembers, so nodes made as mixes of latents continue exactly if its memory and the carried
guidance differences are mixed with the same matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from obclip.cloud.plan import Mix, Node
from obclip.diffusion.denoiser import Conditioning


@dataclass(slots=True)
class State:
    """Latents of all nodes, fp32 (images, nodes, channels, h, w), and the solver behind them.

    ``difference`` is each node's last conditional less unconditional prediction, same shape.
    """

    latents: Tensor
    scheduler: Any
    difference: Tensor | None = None

    def mix(self, matrix: Mix) -> None:
        """Replaces the nodes by mixes of them: (images, old, ...) to (images, new, ...)."""
        images, old = self.latents.shape[:2]
        self.latents = mixed(self.latents, matrix)
        if self.difference is not None:
            self.difference = mixed(self.difference, matrix)
        past = getattr(self.scheduler, "model_outputs", [])  # DDIM remembers nothing
        for i, output in enumerate(past):
            if output is not None:
                nodes = output.reshape(images, old, *output.shape[1:])
                past[i] = mixed(nodes, matrix).flatten(0, 1)

    def step(self, prediction: Tensor, timestep: Tensor) -> None:
        """One solver step with predictions (images, nodes, channels, h, w)."""
        shape = self.latents.shape
        self.latents = self.scheduler.step(
            prediction.flatten(0, 1), timestep, self.latents.flatten(0, 1), return_dict=False
        )[0].reshape(shape)


def levels(scheduler: Any, timestep: Tensor) -> tuple[float, float]:
    """(alpha, sigma) of a timestep; their squares sum to one."""
    bar = float(scheduler.alphas_cumprod[int(timestep)])
    return bar**0.5, (1 - bar) ** 0.5


def mixed(values: Tensor, matrix: Mix) -> Tensor:
    """(images, old nodes, ...) to (images, new nodes, ...)."""
    rows = torch.tensor(matrix, dtype=values.dtype, device=values.device)
    return torch.einsum("mn,in...->im...", rows, values)


def of_nodes(cond: Conditioning, nodes: tuple[Node, ...]) -> Conditioning:
    """The conditioning of each node: the mean of its members' rows."""
    if nodes == tuple((i,) for i in range(len(cond))):
        return cond
    rows = torch.zeros(len(nodes), len(cond), device=cond.states.device)
    for i, node in enumerate(nodes):
        rows[i, list(node)] = 1 / len(node)

    def mean(values: Tensor) -> Tensor:
        return torch.einsum("mn,n...->m...", rows, values.float()).to(values.dtype)

    return Conditioning(
        mean(cond.states),
        None if cond.pooled is None else mean(cond.pooled),
        None if cond.time_ids is None else cond.time_ids[:1].repeat(len(nodes), 1),
    )
