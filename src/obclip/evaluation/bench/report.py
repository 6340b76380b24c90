"""The report: one HTML file with tables, plots and pictures, that needs nothing beside it."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from obclip.evaluation.bench.findings import findings
from obclip.evaluation.bench.plots import plot
from obclip.evaluation.bench.prompts import Set
from obclip.evaluation.bench.table import (
    HEAD,
    LAYOUT,
    Line,
    cells,
    extras,
    paper_layout,
    per_attribute,
)
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
                "attributes": per_attribute(here),
                "plot": plot(here),
                "pictures": _pictures(here, work, sets[n]),
            }
        )
    template = jinja2.Environment(autoescape=True).from_string(TEMPLATE.read_text("utf-8"))
    page = template.render(
        head=HEAD, layout=LAYOUT, ns=list(dict.fromkeys(x.n for x in lines)),
        paper=paper_layout(lines)[1], blocks=blocks, about=about, notes=notes,
        findings=findings(lines), extras=extras(lines), megabits=megabits,
    )  # fmt: skip
    file.write_text(page, "utf-8")


def _pictures(lines: Sequence[Line], work: Work, sets: list[Set]) -> list[dict[str, Any]]:
    """The first prompts of a block, each with the picture of every method that drew it."""
    out = []
    for index in range(min(SHOWN, len(sets))):
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
