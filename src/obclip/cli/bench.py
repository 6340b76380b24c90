"""``obclip bench``: every method side by side, drawn, timed, counted and judged."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from torch import Tensor

    from obclip.client.device import Device
    from obclip.diffusion.pairs import Pair
    from obclip.evaluation.bench.draw import Painter
    from obclip.evaluation.bench.prompts import Set
    from obclip.evaluation.bench.rows import Row
    from obclip.evaluation.bench.score import Figures
    from obclip.evaluation.bench.table import Line
    from obclip.evaluation.clip import Clip
    from obclip.evaluation.judge import Judge

STEPS = 25


@click.command("bench")
@click.option("--pair", default="mini", show_default=True, metavar="NAME")
@click.option(
    "--table",
    "kind",
    type=click.Choice(["paper", "costs", "seconds", "peers"]),
    default="paper",
    show_default=True,
    help="The paper's Table 2; the real pairs' cost columns; their seconds here; HE and DP alone.",
)
@click.option("--methods", metavar="A,B", help="Rows to draw.  [default: all]")
@click.option("--n", "ns", default="2,6", show_default=True, metavar="N,N", help="Set sizes.")
@click.option("--k", "ks", default="10,5", show_default=True, metavar="K,K", help="Splits.")
@click.option("--count", type=int, help="Prompts for each N.  [default: 40; 3 with --quick]")
@click.option(
    "--prompts",
    default="benchmark",
    show_default=True,
    metavar="NAME|FILE",
    help="benchmark, portraits, or captions (COCO, MJHQ, JSON lines, text).",
)
@click.option("--bandwidth", default=20.0, show_default=True, help="Of the line, in Mbit/s.")
@click.option("--quick", is_flag=True, help="A few prompts: under six minutes on two cores.")
@click.option("--device", default="cpu", show_default=True, help="Torch device of both models.")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16", "float16"]),
    default="float32",
    show_default=True,
    help="Of both models' weights.",
)
@click.option(
    "--clip",
    "clip_folder",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Judge by this CLIP model (transformers' format): captions and features.",
)
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Real pictures that CLIP's features are compared with.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("out/bench"),
    show_default=True,
    help="Work file, pictures, results.json, table.md and report.html.",
)
@click.option("--markdown", is_flag=True, help="Print the tables as Markdown.")
@click.option("--json", "as_json", is_flag=True)
def command(
    pair: str, kind: str, methods: str | None, ns: str, ks: str, count: int | None, prompts: str,
    bandwidth: float, quick: bool, device: str, dtype: str, clip_folder: Path | None,
    reference: Path | None, out: Path, markdown: bool, as_json: bool,
) -> None:  # fmt: skip
    """Compare the methods on one pair; a broken run goes on where it stopped."""
    from obclip.diffusion.pairs import PAIRS, find
    from obclip.errors import RequestError
    from obclip.evaluation.bench.rows import chosen
    from obclip.protocol.limits import MAX_CANDIDATES

    form = "json" if as_json else "markdown" if markdown else "table"
    rows, sizes, splits = chosen(methods), _numbers("--n", ns), _numbers("--k", ks)
    if not bandwidth > 0:
        raise RequestError("bandwidth out of range", got=bandwidth, expected="above 0 Mbit/s")
    real = [PAIRS[p] for p in PAIRS if p != "mini"] if pair == "mini" else [find(pair)]
    if max(splits) > STEPS:
        raise RequestError("split out of range", code="bad_split", got=ks, expected=f"1 to {STEPS}")
    if max(sizes) > MAX_CANDIDATES:
        raise RequestError(
            "too many candidates", code="bad_n", got=ns, expected=f"1 to {MAX_CANDIDATES}"
        )
    if kind == "costs":
        _costs(real, rows, sizes, splits, form)
        return
    if kind == "seconds":
        _seconds(real, quick=quick, form=form)
        return
    if kind == "peers":
        from obclip.cli._peers import peers

        peers(find(pair), sizes, rounds=100 if quick else 1000, form=form)
        return
    number = count if count is not None else (3 if quick else 40)
    if number < 1:
        raise RequestError("count out of range", code="bad_count", got=number, expected="1 or more")
    known = find(pair)
    judged = _judge(known, prompts, clip_folder, reference)
    _draw(
        known, rows, sizes, splits, number, prompts, bandwidth, (device, dtype), judged, out, form
    )


def _numbers(option: str, text: str) -> list[int]:
    from obclip.errors import RequestError

    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or min(found) < 1:
        raise RequestError(f"bad {option}", code="bad_numbers", got=text, expected="such as 2,6")
    return list(dict.fromkeys(found))


def _judge(
    pair: Pair, source: str, clip_folder: Path | None, reference: Path | None
) -> tuple[Judge | Clip | None, Tensor | None, str]:
    """Who judges, the features of real pictures, and the judge's name; one judge a run.

    Raises:
        ModelError: no CLIP model or no pictures there. RequestError: pictures without CLIP.
    """
    from obclip.errors import RequestError
    from obclip.evaluation.clip import Clip
    from obclip.evaluation.judge import Judge

    if clip_folder is not None:
        clip = Clip.load(clip_folder)
        real = None if reference is None else clip.reference(reference)
        return clip, real, f"CLIP, {clip.name}"
    if reference is not None:
        raise RequestError(
            "reference pictures without a judge", code="no_clip", got="--reference alone",
            expected="--clip FOLDER as well",
        )  # fmt: skip
    if pair.name == "mini" and source == "benchmark":
        return Judge.load(), Judge.real_features(), "the bundled judge"
    return None, None, "nobody (--clip FOLDER)"


def _draw(
    pair: Pair, rows: tuple[Row, ...], ns: list[int], ks: list[int], count: int, source: str,
    bandwidth: float, place: tuple[str, str],
    judged: tuple[Judge | Clip | None, Tensor | None, str], out: Path, form: str,
) -> None:  # fmt: skip
    from obclip import __version__
    from obclip.cli._bench_show import show
    from obclip.cli._told import told
    from obclip.client.device import Sampling
    from obclip.evaluation.bench.draw import Painter
    from obclip.evaluation.bench.prompts import sets
    from obclip.evaluation.bench.rows import recipes
    from obclip.evaluation.bench.run import run, tasks
    from obclip.evaluation.bench.score import figures
    from obclip.evaluation.bench.work import Work

    if pair.cloud_steps is not None:  # it has one split of its own
        ks = [pair.cloud_steps.split]
    found = {n: sets(source, n, count) for n in ns}
    cloud, device = _models(pair, *place)
    side = cloud.parts.side
    about: dict[str, Any] = {
        "pair": pair.name, "prompts": _source(source), "steps": STEPS, "guidance": pair.guidance,
        "side": side, "scheduler": "dpm++", "dtype": place[1],
        "weights": _weights(cloud, device), "plans": recipes(), "version": __version__,
    }  # fmt: skip
    work = Work(out, about)
    painter = Painter(pair, cloud, device, Sampling("dpm++", STEPS, pair.guidance, side, side))
    todo = tasks(rows, pair, ns, ks, count)
    begun = time.perf_counter()
    try:
        with told("pictures", quiet=form == "json") as on_done:
            run(painter, todo, found, work, on_done)
    except KeyboardInterrupt:
        kept = sum(task.key in work.done for task in todo)
        click.echo(f"{kept} of {len(todo)} pictures are kept in {out}: the same command goes on.",
                   err=True)  # fmt: skip
        raise
    judge, real, name = judged
    cells = figures(work, todo, found, judge, real)
    lines = _lines(painter, rows, found, ks, cells)
    about |= {
        "prompts a set size": count, "device": place[0], "judged by": name,
        "minutes of this call": round((time.perf_counter() - begun) / 60, 1),
    }  # fmt: skip
    show(lines, work, found, about, bandwidth, out, form)


def _source(name: str) -> str:
    """A file's name and what is in it: pictures of other prompts are another run's."""
    import hashlib

    file = Path(name)
    return f"{name} {hashlib.sha256(file.read_bytes()).hexdigest()[:8]}" if file.is_file() else name


def _models(pair: Pair, device: str, dtype: str) -> tuple[Device, Device]:
    """Cloud and device model, both on one torch device.

    Raises:
        RequestError: no such torch device here. ModelError: missing or broken weights.
    """
    import torch

    from obclip.client.device import Device
    from obclip.diffusion.loading import load
    from obclip.errors import RequestError

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError):  # the latter without CUDA in the build
        raise RequestError(
            "no such torch device here", code="bad_device", got=device, expected="such as cpu, cuda"
        ) from None
    kind = getattr(torch, dtype)
    cloud, small = (Device(load(s, dtype=kind, device=device)) for s in (pair.cloud, pair.device))
    return cloud, small


def _weights(*models: Any) -> str:
    """Tells other weights from these: sums of the two UNets' parameters."""
    sums = [sum(float(p.double().abs().sum()) for p in m.parts.unet.parameters()) for m in models]
    return ", ".join(f"{s:.2f}" for s in sums)


def _lines(
    painter: Painter, rows: tuple[Row, ...], sets: dict[int, list[Set]], ks: list[int],
    cells: list[Figures],
) -> list[Line]:  # fmt: skip
    from obclip.evaluation.bench.cost import flops
    from obclip.evaluation.bench.table import Line
    from obclip.evaluation.bench.told import words_tell

    by = {(f.row, f.n, f.k): f for f in cells}
    out = []
    for n, found in sets.items():
        most = max((f.pictures for f in cells if f.n == n), default=0)
        guessed = {row.name: words_tell(row, found, lambda: painter.vocabulary) for row in rows}
        for k in ks:
            for row in rows:
                cell = by.get((row.name, n, k if row.splits else 0))
                cost = flops(painter.pair, row, n, k, STEPS, painter.sampling.height)
                few = cell is not None and cell.pictures < most
                out.append(Line(row, n, k, cell, cost, guessed[row.name], few))
    return out


def _costs(
    pairs: list[Pair], rows: tuple[Row, ...], ns: list[int], ks: list[int], form: str
) -> None:
    from obclip.cli._bench_show import costs
    from obclip.evaluation.bench.cost import table

    # differential privacy, substitution and HE-Diffusion cost the cloud what their base method does
    kept = [r for r in rows if r.epsilon is None and r.name not in ("he-diffusion", "substitution")]
    costs(table(pairs, kept, ns, ks), [p.name for p in pairs], form)


def _seconds(pairs: list[Pair], *, quick: bool, form: str) -> None:
    """Random weights at full size; SDXL kinds in bfloat16 and one step of each model alone."""
    from dataclasses import asdict

    import torch

    from obclip.cli._bench_show import as_table
    from obclip.evaluation.bench.fullsize import measure
    from obclip.evaluation.bench.table import markdown

    rows = []
    for pair in pairs:
        large = pair.side > 512
        found = measure(
            pair, dtype=torch.bfloat16 if large else torch.float32, whole=not (large or quick),
            on_stage=lambda text, name=pair.name: click.echo(f"{name}: {text}", err=True),  # type: ignore[misc]
        )  # fmt: skip
        if form == "json":
            click.echo(json.dumps(asdict(found)))
        rows.append(found.cells())
    if form == "json":
        return
    head = found.HEAD
    if form == "markdown":
        click.echo(markdown(head, rows))
        return
    as_table("Exact architectures with random weights, on this machine", head, rows)
