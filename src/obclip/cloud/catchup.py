"""Making up for a late branching: a new node is moved to where its own text would have led it.

A deterministic solver's latent at step j is a mix of the noise and of the clean pictures that it
has predicted so far. Nodes that branch at j have followed their parent's predictions until then. If
each node's difference from its siblings is taken to have been what it is now, all along, then the
latent that it would have is known without running anything:

    x + (alpha_j - alpha_0 sigma_j / sigma_0) d,    d = own clean picture - mean of the siblings'

and the solver's remembered predictions move by ``d``. The mean over siblings stays where it was, so
no sibling is favoured.
"""

from __future__ import annotations

import torch
from torch import Tensor

from obclip.cloud.plan import Mix, Node
from obclip.cloud.state import State


def catch_up(
    state: State, prediction: Tensor, timestep: Tensor, nodes: tuple[Node, ...], mix: Mix,
    share: float,
) -> Tensor:  # fmt: skip
    """Moves latents and the solver's memory; returns the prediction as it is at the new place.

    Args:
        prediction: of the step that begins now, (images, nodes, channels, h, w), guided.
        mix: the branching that made ``nodes``: copies, a parent each.
        share: of the difference that is made up for, 0 to 1.
    """
    alpha, sigma = _levels(state, timestep)
    first_alpha, first_sigma = _levels(state, state.scheduler.timesteps[0])
    kind = state.scheduler.config.prediction_type
    apart = share * (prediction - siblings(prediction, nodes, mix))
    weight = alpha - first_alpha * sigma / first_sigma
    # what each kind of model predicts, solved for the clean picture x0 that must stay the same
    if kind == "epsilon":
        clean = -sigma / alpha * apart
        prediction = prediction + weight / sigma * clean
    elif kind == "v_prediction":
        clean = -sigma * apart
        prediction = prediction + alpha / sigma * weight * clean
    else:
        clean = apart
    state.latents = state.latents + weight * clean
    past = getattr(state.scheduler, "model_outputs", [])  # of DPM-Solver++: clean pictures
    for i, output in enumerate(past):
        if output is not None:
            past[i] = output + clean.flatten(0, 1)
    return prediction


def siblings(values: Tensor, nodes: tuple[Node, ...], mix: Mix) -> Tensor:
    """The mean over the nodes of the same parent, by members: (images, nodes, ...) in and out."""
    parents = torch.tensor(mix, dtype=values.dtype, device=values.device)  # new old
    counts = torch.tensor([float(len(n)) for n in nodes], dtype=values.dtype, device=values.device)
    shares = parents * counts[:, None]
    shares = shares / shares.sum(0, keepdim=True).clamp(min=1.0)
    return torch.einsum("mo,no,in...->im...", parents, shares, values)


def _levels(state: State, timestep: Tensor) -> tuple[float, float]:
    """(alpha, sigma) of a timestep; their squares sum to one."""
    bar = float(state.scheduler.alphas_cumprod[int(timestep)])
    return bar**0.5, (1 - bar) ** 0.5
