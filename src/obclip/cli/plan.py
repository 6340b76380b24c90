"""``obclip plan``: a plan as a picture, with its exact cost, its memory and its seconds."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from obclip.cli._plan_numbers import Model
    from obclip.cloud.cost import Cost
    from obclip.cloud.plan import Plan
    from obclip.diffusion.pairs import Pair

_KINDS = (".svg", ".png")


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
@click.option("--dtype", type=click.Choice(["float32", "bfloat16", "float16"]), default="float32",
              show_default=True, help="Numbers of the model, for memory and seconds.")  # fmt: skip
@click.option("--budget", type=float, metavar="GIB", help="Memory that the plan must fit into.")
@click.option("--seconds", is_flag=True, help="Predict seconds on this machine, by a few calls.")
@click.option("--curve", is_flag=True, help="Cost and memory over N = 1 to 64 instead of one set.")
@click.option("--tune", is_flag=True, help="Search plans on the pair, and print the best.")
@click.option("--minutes", default=10.0, show_default=True, help="With --tune: how long.")
@click.option("--floor", default=1.0, show_default=True,
              help="With --tune: points of quality that may be lost.")  # fmt: skip
@click.option("--sets", default=16, show_default=True, help="With --tune: tuning prompts used.")
@click.option("--most", metavar="R,R,R",
              help="With --tune: most cost on SD-1.x at N = 2, 6 and 30.")  # fmt: skip
@click.option("--output", "-o", type=Path, metavar="FILE",
              help="Draw it as FILE.svg or FILE.png; with --tune, keep the search in FILE.json "
                   "and go on from there.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True)
def command(
    pair: str, attributes: str, steps: int, split: int, name: str, size: int | None, dtype: str,
    budget: float | None, seconds: bool, curve: bool, tune: bool, minutes: float, floor: float,
    sets: int, most: str | None, output: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Show what the cloud computes for each candidate in each step, and what it costs."""
    _check_given(tune=tune, curve=curve)
    from obclip.diffusion.pairs import find

    known = find(pair)
    steps, split = own_steps(known, steps, split, tune=tune)
    if tune:
        from obclip.cli._tune import search

        search(pair, steps, split, minutes, floor, sets, most, output, as_json=as_json)
        return
    from obclip.cli._plan_numbers import Model
    from obclip.cloud.planner import make_plan
    from obclip.errors import PlanError
    from obclip.protocol.limits import MAX_CANDIDATES, MAX_STEPS

    if output is not None and output.suffix not in (".svg",) + ((".png",) if not curve else ()):
        raise PlanError(
            "unknown kind of picture", got=output.name,
            expected=".svg" if curve else " or ".join(_KINDS),
        )  # fmt: skip
    if not 1 <= steps <= MAX_STEPS:
        raise PlanError(
            "steps out of range", code="bad_steps", got=steps, expected=f"1 to {MAX_STEPS}"
        )
    if curve:
        _curve(Model.of(known, size, dtype), name, steps, split, output, as_json)
        return
    counts = value_counts(attributes)
    n = prod(counts.values())
    if n > MAX_CANDIDATES:
        raise PlanError(
            "too many candidates", code="bad_n", got=n, expected=f"1 to {MAX_CANDIDATES}"
        )
    model = Model.of(known, size, dtype)
    plan = make_plan(name, n, steps, split, tuple(counts.values()), model.schedule)
    model.check(plan)
    extra = _extra(plan, model, budget, seconds)
    cost = model.cost(plan)
    if output is not None:
        title = f"{name}, N = {n}, k = {split} of T = {steps}: {cost.ratio:.2f}"
        _draw(plan, output, title if model.guidance else f"{title}, no unconditional pass")
    if as_json:
        click.echo(json.dumps(_as_dict(plan, cost, model, counts) | extra))
        return
    _say(plan, cost, model, extra)


def own_steps(pair: Pair, steps: int, split: int, *, tune: bool) -> tuple[int, int]:
    """T and k of the cloud: those asked for, or those of a distilled model, which has no others."""
    own = pair.cloud_steps
    if own is None:
        return steps, split
    if tune:
        raise click.UsageError(f"--tune needs a cloud that steps as the device; {pair.name} has "
                               f"its own ({own.split} of {own.steps}).")  # fmt: skip
    context = click.get_current_context()
    for name, asked, has in (("steps", steps, own.steps), ("split", split, own.split)):
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if given and asked != has:
            raise click.UsageError(f"--{name} is {has} for {pair.name}, whose cloud has steps of "
                                   "its own: leave it out.")  # fmt: skip
    return own.steps, own.split


def _check_given(*, tune: bool, curve: bool) -> None:
    """Refuses options that would change nothing."""
    context = click.get_current_context()
    idle = {"minutes": tune, "floor": tune, "sets": tune, "most": tune}
    if curve or tune:
        idle |= {"attributes": False, "budget": False, "seconds": False}
    if tune:
        idle |= {"size": False, "name": False}
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if not idle.get(parameter.name or "", True) and source is ParameterSource.COMMANDLINE:
            mode = "--tune" if tune else "--curve" if curve else "a plan without --tune"
            raise click.UsageError(f"{parameter.opts[0]} changes nothing with {mode}.")


def _say(plan: Plan, cost: Cost, model: Model, extra: dict[str, Any]) -> None:
    from obclip.cloud.picture import legend

    of = f"N = {plan.n}, k = {plan.split} of T = {plan.steps}"
    click.echo(f"{model.pair.name}, {model.side} px: plan {plan.name}, {of}")
    click.echo(plan.picture())
    click.echo(legend(plan, guidance=model.guidance))
    if not model.guidance:
        click.echo("this cloud was taught its guidance: it makes no unconditional pass")
    if plan.note:
        click.echo(f"note: {plan.note}")
    click.echo(
        f"{cost.flops / 1e12:.4g} TFLOP on the cloud: {cost.ratio:.2f} times one cloud-only "
        f"generation ({cost.ratio_cached:.2f} times one that caches as hard)"
    )
    if "memory" in extra:
        memory = extra["memory"]
        click.echo(
            f"{memory['peak_gib']:.3g} GiB of {memory['budget_gib']:g} in {model.dtype}, with "
            f"{memory['batch']} rows a model call (obclip serve --batch {memory['batch']})"
        )
    if "seconds" in extra:
        random = ", random weights" if extra["random_weights"] else ""
        click.echo(f"about {extra['seconds']:.3g} s on this machine in {model.dtype}{random}")


def _extra(plan: Plan, model: Model, budget: float | None, seconds: bool) -> dict[str, Any]:
    from obclip.cli._plan_numbers import GIB
    from obclip.cloud.planner import NAMED, recipe
    from obclip.errors import PlanError

    out: dict[str, Any] = {}
    batch = 32
    if budget is not None:
        if not 0 < budget < float("inf"):
            raise PlanError(
                "budget out of range", code="bad_budget", got=budget, expected="over 0 GiB"
            )
        others = [
            _like(plan, other, model) for other in NAMED if recipe(other) != recipe(plan.name)
        ]
        batch = model.batch_for(plan, int(budget * GIB), others)
        peak = round(model.peak(plan, batch) / GIB, 4)
        out["memory"] = {"budget_gib": budget, "peak_gib": peak, "batch": batch}
    if seconds:
        found, random = model.seconds(plan, batch)
        out |= {"seconds": round(found, 4), "random_weights": random}
    return out


def _like(plan: Plan, name: str, model: Model) -> Plan:
    """Another named plan of the same numbers; memory does not ask for the sizes."""
    from obclip.cloud.planner import make_plan

    return make_plan(name, plan.n, plan.steps, plan.split, schedule=model.schedule)


def _curve(
    model: Model, name: str, steps: int, split: int, output: Path | None, as_json: bool
) -> None:
    from obclip.cli._curve import as_svg, points, table

    names = dict.fromkeys(["exact", "paper-reuse", "balanced", "fast", name])
    curves = {each: points(each, model, steps, split) for each in names}
    if output is not None:
        title = f"{model.pair.name}, {model.side} px, k = {split} of T = {steps}, {model.dtype}"
        _write(output, as_svg(curves, title))
    if as_json:
        rows = {
            each: [{"n": p.n, "ratio": round(p.ratio, 4), "peak": p.peak} for p in found]
            for each, found in curves.items()
        }
        click.echo(json.dumps({"pair": model.pair.name, "curves": rows}))
        return
    click.echo(table(curves))


def _as_dict(plan: Plan, cost: Cost, model: Model, counts: dict[str, int]) -> dict[str, Any]:
    steps = [
        {
            "nodes": len(step.nodes), "guidance": step.guidance.value,
            "features": step.kind.features.value, "attention": step.kind.attention.value,
        }
        for step in plan.program
    ]  # fmt: skip
    return {
        "pair": model.pair.name, "plan": plan.name, "attributes": counts, "n": plan.n,
        "steps": plan.steps, "split": plan.split, "size": model.side, "cells": plan.cells,
        "program": steps, "note": plan.note, "flops": cost.flops, "ratio": round(cost.ratio, 4),
        "ratio_cached": round(cost.ratio_cached, 4), "unconditional": model.guidance,
    }  # fmt: skip


def _draw(plan: Plan, output: Path, title: str) -> None:
    from obclip.cloud.drawing import as_image, as_svg

    if output.suffix == ".svg":
        _write(output, as_svg(plan, title))
        return
    from io import BytesIO

    data = BytesIO()
    as_image(plan, title).save(data, "PNG")
    _write(output, data.getvalue())


def _write(output: Path, data: str | bytes) -> None:
    from obclip.errors import OutputError

    try:
        output.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)
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
        if name in counts:
            raise ProfileError("an attribute twice", got=name, expected="each once")
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
