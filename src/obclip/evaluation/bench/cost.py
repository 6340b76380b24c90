"""FLOPs of a row, exact and before anything runs; and the paper's ratios beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from obclip.cloud.cost import counter, plan_cost
from obclip.cloud.plan import Kind
from obclip.cloud.planner import make_plan
from obclip.cloud.schedule import stepped
from obclip.diffusion.architectures import SCHEDULE, schedule_of, side_of, unet_of
from obclip.diffusion.handover import start_of
from obclip.diffusion.pairs import Pair, Steps
from obclip.diffusion.sampling import make_scheduler
from obclip.errors import PlanError
from obclip.evaluation.bench.rows import Row

#: Cost over one cloud-only generation, (N, k) -> (low, high), as the paper's tables 2 and 7 say.
PAPER: dict[str, dict[tuple[int, int], tuple[float, float]]] = {
    "vanilla": {(2, 10): (2, 2), (6, 10): (6, 6), (2, 5): (2, 2), (6, 5): (6, 6)},
    "hybrid": {(2, 10): (0.4, 0.4), (6, 10): (0.4, 0.4), (2, 5): (0.2, 0.2), (6, 5): (0.2, 0.2)},
    "obclip": {(2, 10): (0.8, 0.8), (6, 10): (2.4, 2.4), (2, 5): (0.4, 0.4), (6, 5): (1.2, 1.2)},
    "obclip+cache": {
        (2, 10): (0.63, 0.66), (6, 10): (1.89, 1.98), (2, 5): (0.33, 0.33), (6, 5): (0.99, 0.99),
    },
    "obclip+reuse": {
        (2, 10): (0.59, 0.62), (6, 10): (1.77, 1.80), (2, 5): (0.31, 0.31), (6, 5): (0.90, 0.90),
    },
}  # fmt: skip
#: The same for SDXL + Koala-700m, N = 6, k = 10.
PAPER_XL = {"obclip": 2.40, "obclip+cache": 1.70, "obclip+reuse": 1.55}


@dataclass(frozen=True, slots=True)
class Flops:
    """FLOPs of one picture by place (two for a multiply-add), and of one cloud-only generation.

    ``cloud`` is None where the model cannot run the plan; ``why`` says why.
    """

    cloud: int | None
    device: int
    cloud_only: int
    why: str = ""

    @property
    def ratio(self) -> float | None:
        """Cloud cost over a cloud-only generation's."""
        return None if self.cloud is None else self.cloud / self.cloud_only


def flops(pair: Pair, row: Row, n: int, k: int, steps: int, side: int | None = None) -> Flops:
    """Exact FLOPs of a row. Text encoders and decoders are not counted; nor is encryption.

    A pair whose cloud steps differently (LCM) takes its own steps and split, whatever ``k`` says,
    and no unconditional passes on the cloud; its device goes on where the timestep shift puts it.

    Args:
        side: of the picture in pixels; None is the pair's own.
    """
    config, factor, tokens = unet_of(pair.cloud)
    side = side or side_of(pair, config, factor)
    cells = side // factor
    count = counter(config, cells, cells, tokens)
    small = counter(unet_of(pair.device)[0], cells, cells, tokens)
    shifted = pair.cloud_steps
    mine = steps if shifted is None else shifted.steps
    split = k if shifted is None else shifted.split
    guided = shifted is None
    whole = mine * count(Kind(), 2 if guided else 1)
    if row.method == "device-only":
        return Flops(0, steps * small(Kind(), 2), whole)
    members = n if row.method in ("oblivious", "vanilla") else 1
    upto = split if row.splits else mine
    left = steps - upto
    if shifted is not None:
        left = steps - _start(shifted, upto, steps)
    device = left * small(Kind(), 2)
    try:
        sizes = {2: (2,), 6: (2, 3), 30: (2, 3, 5)}.get(n) if members > 1 else None
        schedule = stepped(schedule_of(pair.cloud), "" if shifted is None else shifted.scheduler)
        plan = make_plan(row.plan, members, mine, upto, sizes, schedule)
        cost = plan_cost(plan, count, guidance=guided)
    except PlanError as error:
        return Flops(None, device, whole, str(error))
    return Flops(cost.flops, device, whole)


def _start(shifted: Steps, upto: int, steps: int) -> int:
    """The device's first step after ``upto`` of the cloud's own."""
    cloud = make_scheduler(shifted.scheduler, SCHEDULE, shifted.steps).timesteps.tolist()
    device = make_scheduler("dpm++", SCHEDULE, steps).timesteps.tolist()
    return start_of(cloud, upto, device)


def paper(row: str, n: int, k: int) -> str:
    """The paper's ratio as text, empty where it prints none."""
    found = PAPER.get(row, {}).get((n, k))
    if found is None:
        return ""
    low, high = found
    return f"{low:.2f}" if low == high else f"{low:.2f}-{high:.2f}"


def table(pairs: list[Pair], rows: list[Row], ns: list[int], ks: list[int]) -> list[dict[str, Any]]:
    """Cost columns of pairs side by side with the paper's, one dict a line."""
    out = []
    for n in ns:
        for k in ks:
            for row in rows:
                line: dict[str, Any] = {"n": n, "k": k, "row": row.name, "title": row.title.strip()}
                for pair in pairs:
                    found = flops(pair, row, n, k, 25)
                    ratio = found.ratio
                    line[pair.name] = None if ratio is None else round(ratio, 3)
                line["paper"] = paper(row.name, n, k)
                xl = PAPER_XL.get(row.name) if (n, k) == (6, 10) else None
                line["paper, SDXL"] = "" if xl is None else f"{xl:.2f}"
                out.append(line)
    return out
