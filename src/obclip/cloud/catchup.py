"""Making up for a late branching: a new node is moved to where its own text would have led it.

A deterministic solver's latent at step j is a mix of the noise and of the clean pictures that it
has predicted so far. Nodes made at j out of older ones have followed those nodes' predictions until
then. If each node's difference from what its makers stand for is taken to have been what it is now,
all along, then the latent that it would have is known without running anything:

    x + (alpha_j - alpha_0 sigma_j / sigma_0) d,    d = own clean picture - what stood for it

and the solver's remembered predictions move by ``d``. Of a copy, what stood for it is the mean of
its siblings; of a sum of main effects, the sum of the effects without interactions. The mean over
the set stays where it was, so no candidate is favoured.
"""

from __future__ import annotations

import torch
from torch import Tensor

from obclip.cloud.plan import Mix, Node
from obclip.cloud.state import State, levels, mixed


def catch_up(
    state: State, prediction: Tensor, timestep: Tensor, nodes: tuple[Node, ...],
    old: tuple[Node, ...], mix: Mix, share: float,
) -> Tensor:  # fmt: skip
    """Moves latents and the solver's memory; returns the prediction as it is at the new place.

    Args:
        prediction: of the step that begins now, (images, nodes, channels, h, w), guided.
        nodes, old: of this step and of the one before; ``mix`` made the one of the other.
        share: of the difference that is made up for.
    """
    alpha, sigma = levels(state.scheduler, timestep)
    first_alpha, first_sigma = levels(state.scheduler, state.scheduler.timesteps[0])
    kind = state.scheduler.config.prediction_type
    apart = share * (prediction - stood_for(prediction, nodes, old, mix))
    clean = {"epsilon": -sigma / alpha, "v_prediction": -sigma}.get(kind, 1.0) * apart
    fresh = getattr(state.scheduler, "fresh_noise", False)  # nothing of the first noise is left
    moved = (alpha - (0.0 if fresh else first_alpha * sigma / first_sigma)) * clean
    state.latents = state.latents + moved
    past = getattr(state.scheduler, "model_outputs", [])  # of DPM-Solver++: clean pictures
    for i, output in enumerate(past):
        if output is not None:
            past[i] = output + clean.flatten(0, 1)
    # the prediction that says the same clean picture at the new place
    return prediction + {"epsilon": 1 / sigma, "v_prediction": alpha / sigma}.get(kind, 0.0) * moved


def stood_for(values: Tensor, nodes: tuple[Node, ...], old: tuple[Node, ...], mix: Mix) -> Tensor:
    """What the old nodes could say of the new ones: (images, nodes, ...) in and out.

    Each old node is the mean of the new ones by common members, and is then mixed as they were.
    """
    within = torch.tensor(
        [[float(len(set(o) & set(n))) for n in nodes] for o in old],
        dtype=values.dtype, device=values.device,
    )  # fmt: skip
    means = torch.einsum("on,in...->io...", within / within.sum(1, keepdim=True), values)
    return mixed(means, mix)
