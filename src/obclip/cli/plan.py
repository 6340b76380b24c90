"""``obclip plan``: a plan as a picture, with its exact cost."""

from __future__ import annotations

import json
from math import prod

import click


@click.command("plan")
@click.option("--pair", default="mini", show_default=True, metavar="NAME")
@click.option(
    "--attributes",
    default="gender,age",
    show_default=True,
    metavar="A,B",
    help="Attributes of the set; NAME=COUNT for another number of values.",
)
@click.option("--steps", type=int, default=25, show_default=True)
@click.option("--split", type=int, default=10, show_default=True)
@click.option("--plan", "name", default="exact", show_default=True, metavar="NAME")
@click.option("--size", type=int, help="Side of the picture in pixels.  [default: the pair's]")
@click.option("--json", "as_json", is_flag=True)
def command(
    pair: str, attributes: str, steps: int, split: int, name: str, size: int | None, as_json: bool
) -> None:
    """Show what the cloud computes for each candidate in each step, and what it costs."""
    from obclip.cloud.planner import make_plan
    from obclip.diffusion.pairs import find
    from obclip.errors import RequestError

    counts = value_counts(attributes)
    known = find(pair)
    plan = make_plan(name, prod(counts.values()), steps, split)
    from obclip.cloud.cost import pass_flops, plan_cost
    from obclip.diffusion.architectures import side_of, unet_of

    config, factor, tokens = unet_of(known.cloud)
    side = size or side_of(known, config, factor)
    multiple = factor * 2 ** (len(config["block_out_channels"]) - 1)
    if side < multiple or side % multiple:
        raise RequestError(
            "size does not fit the model", code="bad_size", got=side,
            expected=f"a multiple of {multiple}",
        )  # fmt: skip
    cost = plan_cost(plan, pass_flops(config, side // factor, side // factor, tokens))
    if as_json:
        click.echo(
            json.dumps(
                {
                    "pair": known.name, "plan": plan.name, "attributes": counts, "n": plan.n,
                    "steps": plan.steps, "split": plan.split, "size": side,
                    "cells": [[cell.name.lower() for cell in row] for row in plan.cells],
                    "flops": cost.flops, "ratio": round(cost.ratio, 4),
                    "ratio_cached": round(cost.ratio_cached, 4),
                }
            )
        )  # fmt: skip
        return
    click.echo(
        f"{known.name}, {side} px: plan {plan.name}, N = {plan.n}, k = {split} of T = {steps}"
    )
    click.echo(plan.picture())
    click.echo("F: both passes of its own   .: left to the device")
    click.echo(
        f"{cost.flops / 1e12:.4g} TFLOP on the cloud: {cost.ratio:.2f} times one cloud-only "
        f"generation ({cost.ratio_cached:.2f} times one that caches as hard)"
    )


def value_counts(attributes: str) -> dict[str, int]:
    """``gender,age=3`` as {"gender": 2, "age": 3}; counts not given are the taxonomy's.

    Raises:
        ProfileError: an unknown attribute without a count, or a count below 1.
    """
    from obclip.errors import ProfileError
    from obclip.privacy.taxonomy import attributes as known_attributes

    known = known_attributes()
    counts: dict[str, int] = {}
    for item in filter(None, (part.strip() for part in attributes.split(","))):
        name, given, count = item.partition("=")
        if given:
            if not count.isdecimal() or int(count) < 1:
                raise ProfileError("bad count", got=item, expected="NAME=COUNT, 1 or more")
            counts[name] = int(count)
        elif name in known:
            attribute = known[name]
            counts[name] = len([v for v in attribute.values if v not in attribute.optional])
        else:
            raise ProfileError("unknown attribute", got=name, expected=", ".join(known))
    return counts
