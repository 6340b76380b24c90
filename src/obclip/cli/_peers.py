"""``obclip bench --table peers``: homomorphic encryption and differential privacy alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from obclip.diffusion.pairs import Pair
    from obclip.evaluation.bench.peers import Fact


def peers(pair: Pair, ns: list[int], *, rounds: int, form: str) -> None:
    """Measures them on this machine and prints each figure with how it is known."""
    from dataclasses import asdict
    from functools import partial

    from obclip.cli._bench_show import as_table
    from obclip.diffusion.pairs import PAIRS
    from obclip.evaluation.bench.peers import HEAD, private, products, update
    from obclip.evaluation.bench.table import markdown

    stages: dict[str, Callable[[], list[Fact]]] = {
        "the update under encryption": partial(update, pair),
        "the prompt under encryption": partial(products, pair),
        # the paper's own size, whatever pair is at hand
        "the prompt under encryption, SD-1.x": partial(products, PAIRS["rv4+small-sd"]),
        "differential privacy": partial(private, pair, ns, rounds),
    }
    found: list[Fact] = []
    for name, measure in stages.items():
        click.echo(name, err=True)
        found += measure()
    if form == "json":
        click.echo(json.dumps([asdict(fact) for fact in found]))
        return
    rows = [fact.cells() for fact in found]
    if form == "markdown":
        click.echo(markdown(HEAD, rows))
        return
    as_table("The peers, on this machine", HEAD, rows)
