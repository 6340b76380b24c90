"""``python -m training.plans``: what plans lose in quality, how long they take, where they fail.

python -m training.plans --plans exact,balanced,fast,paper-reuse --sets 600 --out FILE.jsonl
python -m training.plans --report FILE.jsonl
python -m training.plans --long-hair docs/long-hair.png --results FILE.jsonl
python -m training.plans --clock
python -m training.plans --costs
"""

from __future__ import annotations

from pathlib import Path

import click

FILE = click.Path(path_type=Path)


@click.command()
@click.option("--pair", "pair_name", default="mini", show_default=True)
@click.option("--plans", default="exact,balanced,fast,paper-reuse", show_default=True)
@click.option("--sets", default=600, show_default=True, help="Benchmark sets, in the file's order.")
@click.option("--least", default=2, show_default=True, help="Smallest N taken.")
@click.option("--cap", default=64, show_default=True, help="Largest N taken.")
@click.option("--steps", default=25, show_default=True)
@click.option("--split", default=10, show_default=True)
@click.option("--batch", default=16, show_default=True, help="Rows of a device batch.")
@click.option("--out", type=FILE, help="Appends results here, a line a set; may be interrupted.")
@click.option("--report", "reported", type=FILE, multiple=True, help="Prints the tables of FILE.")
@click.option("--long-hair", type=FILE, metavar="PNG", help="Draws the worst sets of --results.")
@click.option("--results", type=FILE, help="For --long-hair: where the worst sets are looked for.")
@click.option("--costs", is_flag=True, help="Prints the exact costs of all plans.")
@click.option("--clock", is_flag=True, help="Measures seconds against the predicted ones.")
@click.option("--tiny", is_flag=True, help="With --clock: small models, to see that it runs.")
def main(
    pair_name: str, plans: str, sets: int, least: int, cap: int, steps: int, split: int, batch: int,
    out: Path | None, reported: tuple[Path, ...], long_hair: Path | None, results: Path | None,
    costs: bool, clock: bool, tiny: bool,
) -> None:  # fmt: skip
    """Measures plans."""
    from training.plans.run import EXACT, joined, read, run

    if costs:
        from training.plans.costs import tables

        tables()
        return
    if clock:
        from training.plans.clock import measure

        measure(pair_name, tiny=tiny)
        return
    if reported:
        from training.plans.report import report

        click.echo(report(*joined([read(file) for file in reported])))
        return
    if (out is None) == (long_hair is None):
        raise click.UsageError("give --out, --report, --long-hair, --costs or --clock")
    from obclip.diffusion.pairs import find
    from obclip.evaluation.judge import Judge
    from obclip.evaluation.sharing import Studio

    pair = find(pair_name)
    studio = Studio(pair, Judge.load(), steps=steps, split=split, batch=batch)
    if long_hair is not None:
        if results is None:
            raise click.UsageError("--long-hair needs --results")
        from training.plans.failures import draw

        draw(studio, read(results)[1], long_hair)
        return
    names = [name for name in plans.split(",") if name]
    if EXACT not in names:
        raise click.UsageError("--plans must hold exact, which the others are compared with")
    if out is not None:
        run(studio, pair, names, out, sets, least, cap)


if __name__ == "__main__":
    main()
