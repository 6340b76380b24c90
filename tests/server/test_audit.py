"""bandit over the whole package: each finding is explained here, and each explanation is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src" / "obclip"
#: (test, file) -> (how often, why it is no fault). B101, asserts: ruff's S101 wants a reason beside
#: each; none of them judges what came from outside, so that `python -O` may leave them out.
EXPLAINED = {
    ("B404", "client/local_cloud.py"): (1, "it is imported for that"),
    ("B603", "client/local_cloud.py"): (1, "starts this product's own server; a list, no shell"),
    ("B615", "diffusion/loading.py"): (2, "a tokenizer's folder that is here already"),
    ("B615", "evaluation/clip.py"): (2, "a folder, with local_files_only"),
    ("B615", "evaluation/reader.py"): (1, "the judge's own folder"),
    ("B311", "evaluation/bench/draw.py"): (1, "a baseline's draw that a seed must repeat"),
    ("B311", "evaluation/bench/prompts.py"): (1, "a sample of prompts that a seed must repeat"),
}


def findings(folder: Path) -> Counter[tuple[str, str]]:
    command = [sys.executable, "-m", "bandit", "-r", str(folder), "-q", "-f", "json", "-s", "B101"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)
    assert told["errors"] == []
    assert told["metrics"]["_totals"]["loc"] > 0
    assert told["metrics"]["_totals"]["nosec"] == 0  # explained here, or not at all
    where = [str(Path(found["filename"]).relative_to(folder)) for found in told["results"]]
    return Counter(
        (found["test_id"], file) for found, file in zip(told["results"], where, strict=True)
    )


def test_every_finding_of_bandit_is_explained_and_no_other() -> None:
    assert findings(SOURCE) == {key: count for key, (count, _) in EXPLAINED.items()}


def test_a_planted_fault_is_found(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import pickle\nimport os\nos.system('ls')\n")
    assert ("B403", "bad.py") in findings(tmp_path)
