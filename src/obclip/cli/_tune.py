"""``obclip plan --tune``: searches recipes on a pair and prints the Pareto front."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from obclip.cloud.recipe import Recipe
    from obclip.evaluation.tuning import Trial, Tuner


def search(
    pair: str, steps: int, split: int, minutes: float, floor: float, sets: int, most: str | None,
    output: Path | None, *, as_json: bool,
) -> None:  # fmt: skip
    """Searches for ``minutes``; a search kept in ``output`` is taken up where it stopped."""
    from obclip.errors import PlanError

    for name, value, low in (
        ("minutes", minutes, 0.0), ("floor", floor, 0.0), ("sets", float(sets), 1.0),
    ):  # fmt: skip
        if not value >= low:  # not a number is none of them
            raise PlanError(
                f"{name} out of range", code=f"bad_{name}", got=value, expected=f"{low:g} or more"
            )
    if output is not None and output.suffix != ".json":
        raise PlanError("unknown kind of file", got=output.suffix, expected=".json")
    tuner = _tuner(pair, steps, split, floor, sets, limits(most), output)
    said = 0

    def on_trial(trial: Trial) -> None:
        nonlocal said
        said += 1
        best = trial in tuner.front()
        click.echo(
            f"{len(tuner.trials):4d} {line(trial)}{'  *' if best else ''}", err=True
        )  # progress, not the result

    tuner.run(60 * minutes, on_trial)
    from obclip.evaluation.tuning import WORST

    found = tuner.front()
    if as_json:
        click.echo(json.dumps({
            "pair": pair, "steps": steps, "split": split, "floor": floor,
            "sets": len(tuner.cases), "trials": len(tuner.trials),
            "front": [asdict(t) for t in found],
        }))  # fmt: skip
        return
    candidates = sum(c.candidates.n for c in tuner.cases)
    click.echo(
        f"{len(tuner.trials)} recipes on {len(tuner.cases)} tuning sets ({candidates} candidates), "
        f"at most {floor:g} points lost (of the worst value {WORST * floor:g}):"
    )
    click.echo("cost   distance  sure    right   worst   recipe")
    for trial in found:
        click.echo(line(trial))


def _tuner(
    pair: str, steps: int, split: int, floor: float, sets: int, most: tuple[float, ...] | None,
    file: Path | None,
) -> Tuner:  # fmt: skip
    try:
        from obclip.evaluation.judge import Judge
        from obclip.evaluation.sharing import Studio
        from obclip.evaluation.tuning import Tuner, tuning_cases
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"the evaluation's packages are missing (no {error.name}); pip install 'obclip[eval]'"
        ) from None
    from obclip.cli._plan_numbers import Model
    from obclip.cloud.planner import make_plan
    from obclip.diffusion.pairs import find

    known = find(pair)
    make_plan("exact", 2, steps, split)  # numbers out of range are told before anything is loaded
    judge = Judge.load()
    studio = Studio(known, judge, steps=steps, split=split)
    count = Model.of(known, None, "float32").count
    limit = None
    if most is not None:
        from obclip.cloud.cost import counter
        from obclip.diffusion.architectures import SD1

        limit = (counter(SD1, 64, 64, 77), most)
    return Tuner(studio, tuning_cases(sets), count, floor=floor, most=limit, file=file)


def limits(most: str | None) -> tuple[float, ...] | None:
    """``0.4,0.65,1.8`` as numbers.

    Raises:
        PlanError: not three numbers above zero.
    """
    from obclip.errors import PlanError

    if most is None:
        return None
    try:
        found = tuple(float(part) for part in most.split(","))
    except ValueError:
        found = ()
    if len(found) != 3 or not all(value > 0 for value in found):
        raise PlanError("bad limits", code="bad_most", got=most, expected="three ratios, R,R,R")
    return found


def line(trial: Trial) -> str:
    """A trial on one line: share of the cost, distance, points lost, what the recipe says."""
    return (
        f"{trial.cost:.3f}  {trial.distance:.4f}    {trial.sure:+5.2f}   {trial.right:+5.2f}   "
        f"{trial.worst:+5.2f}   "
        f"{said(trial.recipe)}"
    )


def said(recipe: Recipe) -> str:
    """The fields of a recipe that are not their defaults."""
    words = [
        f"{f.name}={getattr(recipe, f.name)}"
        for f in fields(recipe)
        if getattr(recipe, f.name) != f.default
    ]
    return " ".join(words) or "exact"
