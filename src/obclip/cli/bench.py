"""``obclip bench``: every method side by side, drawn, timed, counted and judged."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from obclip.diffusion.pairs import Pair
    from obclip.evaluation.bench.prompts import Set
    from obclip.evaluation.bench.rows import Row
    from obclip.evaluation.bench.table import Line
    from obclip.evaluation.bench.work import Work


@click.command("bench")
@click.option("--pair", default="mini", show_default=True, metavar="NAME")
@click.option(
    "--table",
    "kind",
    type=click.Choice(["paper", "costs", "seconds"]),
    default="paper",
    show_default=True,
    help="The paper's Table 2; cost columns of the real pairs; their seconds here.",
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
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("out/bench"),
    show_default=True,
    help="Work file, pictures, results.json and report.html.",
)
@click.option("--json", "as_json", is_flag=True)
def command(
    pair: str, kind: str, methods: str | None, ns: str, ks: str, count: int | None, prompts: str,
    bandwidth: float, quick: bool, out: Path, as_json: bool,
) -> None:  # fmt: skip
    """Compare the methods on one pair; a broken run goes on where it stopped."""
    from obclip.diffusion.pairs import PAIRS, find
    from obclip.errors import RequestError
    from obclip.evaluation.bench.rows import chosen

    rows, sizes, splits = chosen(methods), _numbers("--n", ns), _numbers("--k", ks)
    if not bandwidth > 0:
        raise RequestError("bandwidth out of range", got=bandwidth, expected="above 0 Mbit/s")
    if kind == "costs":
        known = [PAIRS[p] for p in PAIRS if p != "mini"] if pair == "mini" else [find(pair)]
        _costs(known, rows, sizes, splits, as_json=as_json)
        return
    if kind == "seconds":
        _seconds([PAIRS[p] for p in PAIRS if p != "mini"] if pair == "mini" else [find(pair)],
                 quick=quick, as_json=as_json)  # fmt: skip
        return
    if max(splits) > 25:
        raise RequestError("split out of range", code="bad_split", got=ks, expected="0 to 25")
    number = count if count is not None else (3 if quick else 40)
    if number < 1:
        raise RequestError("count out of range", code="bad_count", got=number, expected="1 or more")
    _draw(find(pair), rows, sizes, splits, number, prompts, bandwidth, out, as_json=as_json)


def _numbers(option: str, text: str) -> list[int]:
    from obclip.errors import RequestError

    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or min(found) < 1:
        raise RequestError(f"bad {option}", code="bad_numbers", got=text, expected="such as 2,6")
    return found


def _draw(
    pair: Pair, rows: tuple[Row, ...], ns: list[int], ks: list[int], count: int, source: str,
    bandwidth: float, out: Path, *, as_json: bool,
) -> None:  # fmt: skip
    from obclip import __version__
    from obclip.cli._options import progress
    from obclip.client.device import Device, Sampling
    from obclip.evaluation.bench.draw import Painter
    from obclip.evaluation.bench.prompts import sets
    from obclip.evaluation.bench.run import run, tasks
    from obclip.evaluation.bench.score import figures
    from obclip.evaluation.bench.work import Work
    from obclip.evaluation.judge import Judge

    found = {n: sets(source, n, count) for n in ns}
    cloud, device = Device.of(pair.cloud), Device.of(pair.device)
    side = cloud.parts.side
    about = {
        "pair": pair.name, "prompts": source, "steps": 25, "guidance": pair.guidance, "side": side,
        "scheduler": "dpm++", "weights": _weights(cloud, device), "version": __version__,
    }  # fmt: skip
    work = Work(out, about)
    painter = Painter(cloud, device, Sampling("dpm++", 25, pair.guidance, side, side))
    todo = tasks(rows, ns, ks, count)
    begun = time.perf_counter()
    with progress(quiet=as_json) as bars:
        run(painter, todo, found, work, lambda done, total: bars("pictures", done, total))
    judge = Judge.load() if pair.name == "mini" and source == "benchmark" else None
    real = None if judge is None else Judge.real_features()
    cells = figures(work, found, judge, real)
    lines = _lines(pair, rows, ns, ks, cells, side)
    about |= {"prompts a set size": count, "minutes": round((time.perf_counter() - begun) / 60, 1)}
    _show(lines, work, found, about, bandwidth, out, as_json=as_json)


def _weights(*models: Any) -> str:
    """Tells other weights from these: sums of the two UNets' parameters."""
    sums = [sum(float(p.double().abs().sum()) for p in m.parts.unet.parameters()) for m in models]
    return ", ".join(f"{s:.2f}" for s in sums)


def _lines(
    pair: Pair, rows: tuple[Row, ...], ns: list[int], ks: list[int], cells: list[Any], side: int
) -> list[Line]:
    from obclip.evaluation.bench.cost import flops
    from obclip.evaluation.bench.table import Line

    by = {(f.row, f.n, f.k): f for f in cells}
    return [
        Line(row, n, k, by.get((row.name, n, k if row.splits else 0)),
             flops(pair, row, n, k, 25, side))
        for n in ns for k in ks for row in rows
    ]  # fmt: skip


NOTES = (
    "FLOPs are exact and count the UNet alone, two for a multiply-add; text encoders, decoders and "
    "encryption are not in them. Only ratios compare with the paper's.",
    "Quality is the bundled judge's, in its own features and on the bundled pair's own world: no "
    "figure compares with a published FID or CLIP score; the order of the methods does.",
    "HE-Diffusion computes on prompt and latent in clear: its encryption hides only the update "
    "between two passes of the network, and the cloud reads the prompt.",
    "Epsilons are on the pair's own token embeddings and compare with none published elsewhere.",
)


def _show(
    lines: list[Line], work: Work, sets: dict[int, list[Set]], about: dict[str, Any],
    bandwidth: float, out: Path, *, as_json: bool,
) -> None:  # fmt: skip
    from rich.console import Console
    from rich.table import Table

    from obclip.errors import OutputError
    from obclip.evaluation.bench.report import write
    from obclip.evaluation.bench.table import HEAD, cells, findings

    rows = [
        {
            "row": x.row.name, "n": x.n, "k": x.k, "private": x.row.private,
            "figures": None if x.figures is None else x.figures.as_dict(),
            "flops": {"cloud": x.flops.cloud, "device": x.flops.device, "ratio": x.flops.ratio},
            "transfer_seconds": None if x.figures is None else x.figures.transfer(bandwidth),
        }
        for x in lines
    ]  # fmt: skip
    result = {
        "about": about, "bandwidth_mbit": bandwidth, "rows": rows, "findings": findings(lines),
        "notes": list(NOTES),
    }  # fmt: skip
    try:
        (out / "results.json").write_text(json.dumps(result, indent=1), "utf-8")
        write(out / "report.html", lines, work, sets, about, bandwidth, NOTES)
    except OSError as error:
        raise OutputError("the report cannot be written", got=f"{out}: {error.strerror}") from None
    if as_json:
        click.echo(json.dumps(result))
        return
    console = Console(width=190)
    for n, k in dict.fromkeys((x.n, x.k) for x in lines):
        table = Table(title=f"N = {n}, k = {k}", title_justify="left")
        for i, name in enumerate(HEAD):
            table.add_column(name, justify="left" if i == 0 else "right", no_wrap=True)
        for x in lines:
            if (x.n, x.k) == (n, k):
                table.add_row(*cells(x, bandwidth))
        console.print(table)
    for text in findings(lines):
        console.print(text, highlight=False)
    console.print(f"{out / 'report.html'}", highlight=False)


def _costs(
    pairs: list[Pair], rows: tuple[Row, ...], ns: list[int], ks: list[int], *, as_json: bool
) -> None:
    from rich.console import Console
    from rich.table import Table

    from obclip.evaluation.bench.cost import table

    kept = [r for r in rows if r.epsilon is None and r.name not in ("he-diffusion", "substitution")]
    found = table(pairs, kept, ns, ks)
    if as_json:
        click.echo(json.dumps(found))
        return
    columns = ["n", "k", "title", *(p.name for p in pairs), "paper", "paper, SDXL"]
    title = "Cloud FLOPs over one cloud-only generation of 25 steps"
    out = Table(title=title, title_justify="left")
    for name in columns:
        out.add_column(name, justify="left" if name == "title" else "right")
    for line in found:
        out.add_row(*("-" if line[c] is None else str(line[c]) for c in columns))
    Console(width=170).print(out)


def _seconds(pairs: list[Pair], *, quick: bool, as_json: bool) -> None:
    """Random weights at full size; SDXL kinds in bfloat16 and one step of each model alone."""
    from dataclasses import asdict

    import torch

    from obclip.evaluation.bench.fullsize import measure

    for pair in pairs:
        large = pair.side > 512
        found = measure(
            pair, dtype=torch.bfloat16 if large else torch.float32, whole=not (large or quick),
            on_stage=lambda text, name=pair.name: click.echo(f"{name}: {text}", err=True),  # type: ignore[misc]
        )  # fmt: skip
        if as_json:
            click.echo(json.dumps(asdict(found)))
            continue
        click.secho(f"{found.pair}, {found.side} px, {found.number}, random weights", bold=True)
        click.echo(f"  measured: cloud step {found.cloud_step:.2f} s, device step "
                   f"{found.device_step:.2f} s")  # fmt: skip
        if found.end_to_end is not None:
            click.echo(
                f"  measured: private generation, N = 2, 1 + 1 steps {found.end_to_end:.2f} s"
            )
        cloud, device = (
            found.extrapolated_cloud_only_25_steps,
            found.extrapolated_device_only_25_steps,
        )
        click.echo(
            f"  extrapolated: 25 steps on the cloud {cloud:.0f} s, on the device {device:.0f} s"
        )
