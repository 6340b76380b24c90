"""``obclip plan``: a plan as a picture, with its exact cost."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from obclip.cloud.cost import Cost
    from obclip.cloud.plan import Plan


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
@click.option("--output", "-o", type=Path, metavar="FILE", help="Draw it as FILE.svg or FILE.png.")
@click.option("--json", "as_json", is_flag=True)
def command(
    pair: str,
    attributes: str,
    steps: int,
    split: int,
    name: str,
    size: int | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Show what the cloud computes for each candidate in each step, and what it costs."""
    from obclip.cloud.planner import make_plan
    from obclip.diffusion.pairs import find
    from obclip.errors import PlanError
    from obclip.protocol.limits import MAX_CANDIDATES

    counts = value_counts(attributes)
    n = prod(counts.values())
    if n > MAX_CANDIDATES:
        raise PlanError(
            "too many candidates", code="bad_n", got=n, expected=f"1 to {MAX_CANDIDATES}"
        )
    known = find(pair)
    plan = make_plan(name, n, steps, split, tuple(counts.values()))
    if output is not None and output.suffix not in (".svg", ".png"):
        raise PlanError("unknown kind of picture", got=output.suffix, expected=".svg or .png")
    side, cost = _cost(plan, known, size)
    if output is not None:
        _draw(plan, output, title=f"{name}, N = {n}, k = {split} of T = {steps}: {cost.ratio:.2f}")
    if as_json:
        click.echo(json.dumps(_as_dict(plan, cost, known.name, counts, side)))
        return
    from obclip.cloud.picture import legend

    click.echo(f"{known.name}, {side} px: plan {name}, N = {n}, k = {split} of T = {steps}")
    click.echo(plan.picture())
    click.echo(legend(plan))
    click.echo(
        f"{cost.flops / 1e12:.4g} TFLOP on the cloud: {cost.ratio:.2f} times one cloud-only "
        f"generation ({cost.ratio_cached:.2f} times one that caches as hard)"
    )


def _cost(plan: Plan, known: Any, size: int | None) -> tuple[int, Cost]:
    from obclip.cloud.cost import counter, plan_cost
    from obclip.diffusion.architectures import side_of, unet_of
    from obclip.errors import RequestError

    config, factor, tokens = unet_of(known.cloud)
    side = size or side_of(known, config, factor)
    multiple = factor * 2 ** (len(config["block_out_channels"]) - 1)
    if side < multiple or side % multiple:
        raise RequestError(
            "size does not fit the model", code="bad_size", got=side,
            expected=f"a multiple of {multiple}",
        )  # fmt: skip
    return side, plan_cost(plan, counter(config, side // factor, side // factor, tokens))


def _as_dict(
    plan: Plan, cost: Cost, pair: str, counts: dict[str, int], side: int
) -> dict[str, Any]:
    steps = [
        {
            "nodes": len(step.nodes), "guidance": step.guidance.value,
            "features": step.kind.features.value, "attention": step.kind.attention.value,
        }
        for step in plan.program
    ]  # fmt: skip
    return {
        "pair": pair, "plan": plan.name, "attributes": counts, "n": plan.n,
        "steps": plan.steps, "split": plan.split, "size": side, "cells": plan.cells,
        "program": steps, "flops": cost.flops, "ratio": round(cost.ratio, 4),
        "ratio_cached": round(cost.ratio_cached, 4),
    }  # fmt: skip


def _draw(plan: Plan, output: Path, title: str) -> None:
    from obclip.cloud.drawing import as_image, as_svg
    from obclip.errors import OutputError

    try:
        if output.suffix == ".svg":
            output.write_text(as_svg(plan, title), "utf-8")
        else:
            as_image(plan, title).save(output)
    except OSError as error:
        raise OutputError(
            "the picture cannot be written", got=f"{output}: {error.strerror}"
        ) from None


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
