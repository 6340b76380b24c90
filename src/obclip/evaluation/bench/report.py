"""The report: one HTML file with tables, plots and pictures, that needs nothing beside it."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from obclip.evaluation.bench.prompts import Set
from obclip.evaluation.bench.table import HEAD, Line, cells, findings
from obclip.evaluation.bench.work import Work

TEMPLATE = Path(__file__).with_name("report.html")
SHOWN = 6


def write(
    file: Path, lines: Sequence[Line], work: Work, sets: dict[int, list[Set]],
    about: dict[str, Any], megabits: float, notes: Sequence[str],
) -> None:  # fmt: skip
    """Writes the report. Raises OSError."""
    import jinja2

    blocks = []
    for n, k in dict.fromkeys((x.n, x.k) for x in lines):
        here = [x for x in lines if (x.n, x.k) == (n, k)]
        blocks.append(
            {
                "n": n,
                "k": k,
                "rows": [cells(x, megabits) for x in here],
                "plot": plot(here, f"N = {n}, k = {k}"),
                "pictures": _pictures(here, work, sets[n]),
            }
        )
    template = jinja2.Environment(autoescape=True).from_string(TEMPLATE.read_text("utf-8"))
    page = template.render(
        head=HEAD, blocks=blocks, about=about, notes=notes, findings=findings(lines),
        megabits=megabits,
    )  # fmt: skip
    file.write_text(page, "utf-8")


def plot(lines: Sequence[Line], title: str) -> str:
    """Cost against accuracy, a point a method, as SVG text; empty without figures."""
    points = [
        (x.flops.ratio, x.figures.mean_accuracy, x.row)
        for x in lines
        if x.figures and x.figures.mean_accuracy and x.flops.ratio is not None
    ]
    if not points:
        return ""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for i, (cost, good, row) in enumerate(points):
        kind = "o" if row.method == "oblivious" else "^" if row.private else "s"
        axes.errorbar(
            cost, good.value, yerr=[[good.value - good.low], [good.high - good.value]], fmt=kind,
            color=f"C{i % 10}", capsize=2, elinewidth=0.7, alpha=0.85, label=row.title.strip(),
        )  # fmt: skip
    axes.set_xlabel("cloud FLOPs over one cloud-only generation")
    axes.set_ylabel("asked-for values seen by the judge")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    figure.legend(fontsize=6, loc="outside right upper")
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def _pictures(lines: Sequence[Line], work: Work, sets: list[Set]) -> list[dict[str, Any]]:
    """The first prompts of a block, each with the picture of every method that drew it."""
    out = []
    for index in range(SHOWN):
        strip = []
        for x in lines:
            done = work.done.get((x.row.name, x.n, x.k if x.row.splits else 0, index))
            if done is not None:
                strip.append((x.row.title.strip(), _inline(work.folder / done.file)))
        if strip:
            out.append({"prompt": sets[index].prompt, "strip": strip})
    return out


def _inline(file: Path) -> str:
    small = Image.open(file).convert("RGB").resize((96, 96), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=88)
    return base64.b64encode(buffer.getvalue()).decode()
