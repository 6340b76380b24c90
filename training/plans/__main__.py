"""``python -m training.plans``: what plans lose in quality, how long they take, where they fail.

python -m training.plans --recipes training/plans/recipes.json --prompts tuning --out FILE.jsonl
python -m training.plans --plans exact,balanced,fast,paper-reuse --sets 600 --out FILE.jsonl
python -m training.plans --report FILE.jsonl
python -m training.plans --long-hair docs/long-hair.png --results FILE.jsonl
python -m training.plans --clock
python -m training.plans --costs
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from obclip.evaluation.benchmark import FILES

if TYPE_CHECKING:
    from obclip.cloud.recipe import Recipe

FILE = click.Path(path_type=Path)


def recipes_of(plans: str, few: str, file: Path | None) -> dict[str, Recipe]:
    """``exact``, the named ones, and those of a file: {"name": {field: value}}.

    Raises:
        PlanError: an unknown name or field, or a value out of range.
    """
    from obclip.cloud.planner import recipe
    from obclip.cloud.recipe import Recipe

    names = [name for name in [*plans.split(","), *few.split(",")] if name]
    found = {name: recipe(name) for name in dict.fromkeys(["exact", *names])}
    if file is not None:
        found |= {name: Recipe.of(said) for name, said in json.loads(file.read_text()).items()}
    return found


@click.command()
@click.option("--pair", "pair_name", default="mini", show_default=True)
@click.option("--plans", default="", help="Plans by name; exact is always there.")
@click.option("--recipes", type=FILE, help="More of them, as JSON: name to fields of a recipe.")
@click.option("--few", default="", help="Plans that are drawn on the first --few-sets alone.")
@click.option("--few-sets", default=150, show_default=True)
@click.option("--prompts", type=click.Choice(FILES), default="benchmark")
@click.option("--sets", default=600, show_default=True, help="Sets, in the file's order.")
@click.option("--each", default=0, help="Sets of one N at most; 0 for any number.")
@click.option("--least", default=2, show_default=True, help="Smallest N taken.")
@click.option("--cap", default=64, show_default=True, help="Largest N taken.")
@click.option("--steps", default=25, show_default=True)
@click.option("--split", default=10, show_default=True)
@click.option("--batch", default=16, show_default=True, help="Rows of a device batch.")
@click.option("--dtype", type=click.Choice(["float32", "bfloat16"]), default="float32",
              show_default=True, help="Numbers of both UNets.")  # fmt: skip
@click.option("--hand-over", is_flag=True, help="Compare latents at k; finish and judge nothing.")
@click.option("--out", type=FILE, help="Appends results here, a line a set; may be interrupted.")
@click.option("--report", "reported", type=FILE, multiple=True, help="Prints the tables of FILE.")
@click.option("--long-hair", type=FILE, metavar="PNG", help="Draws the worst sets of --results.")
@click.option("--results", type=FILE, help="For --long-hair: where the worst sets are looked for.")
@click.option("--costs", is_flag=True, help="Prints the exact costs of all plans, or --recipes.")
@click.option("--clock", is_flag=True, help="Measures seconds against the predicted ones.")
@click.option("--side", default=512, show_default=True, help="With --clock: pixels at full size.")
@click.option("--on", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True,
              help="Where the models run.")  # fmt: skip
@click.option("--tiny", is_flag=True, help="With --clock: small models, to see that it runs.")
def main(
    pair_name: str, plans: str, recipes: Path | None, few: str, few_sets: int, prompts: str,
    sets: int, each: int, least: int, cap: int, steps: int, split: int, batch: int, dtype: str,
    hand_over: bool, out: Path | None, reported: tuple[Path, ...], long_hair: Path | None,
    results: Path | None, costs: bool, clock: bool, side: int, tiny: bool, on: str,
) -> None:  # fmt: skip
    """Measures plans."""
    from training.plans.run import Sets, joined, read, run

    if costs:
        from training.plans.costs import tables

        tables(recipes_of(plans, few, recipes) if recipes else None)
        return
    if clock:
        from training.plans.clock import measure

        measure(pair_name, side=side, tiny=tiny, on=on)
        return
    if reported:
        from training.plans.report import report

        click.echo(report(*joined([read(file) for file in reported])))
        return
    if (out is None) == (long_hair is None):
        raise click.UsageError("give --out, --report, --long-hair, --costs or --clock")
    if long_hair is not None and results is None:
        raise click.UsageError("--long-hair needs --results")
    wanted = recipes_of(plans, few, recipes)
    if long_hair is None and len(wanted) < 2:
        raise click.UsageError("give --plans or --recipes to compare with exact")
    import torch

    from obclip.diffusion.pairs import find
    from obclip.evaluation.judge import Judge
    from obclip.evaluation.sharing import Studio

    pair = find(pair_name)
    studio = Studio(
        pair, Judge.load(), steps=steps, split=split, batch=batch, dtype=getattr(torch, dtype)
    )
    if long_hair is not None and results is not None:
        from training.plans.failures import draw

        draw(studio, read(results)[1], long_hair)
    elif out is not None:
        run(
            studio, pair, wanted, out, Sets(prompts, sets, each, least, cap), few=few_sets,
            on_few=tuple(few.split(",")), hand_over=hand_over,
        )  # fmt: skip


if __name__ == "__main__":
    main()
