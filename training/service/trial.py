"""One randomised trial: what goes wrong is drawn from a seed; what must hold is checked after."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from training.service.cloud import ROOT
from training.service.proxy import Fault
from training.service.verdict import Bench, Outcome, check_answer, check_bytes, check_files

KINDS = (
    "server killed", "client killed", "connection cut", "connection slowed",
    "connection duplicated", "answer truncated", "disk full",
)  # fmt: skip
RAY_KINDS = (*KINDS, "replica killed")
STAGES = ("models", "generations", "progress", "latents")
PROMPTS = (
    "a photo of a woman cooking", "an elderly man in a park", "a young woman doctor",
    "a photo of a man and his dog",
)  # fmt: skip
#: The longest that one run of a device may take before the trial counts it as hanging.
PATIENCE = 240.0


class Run:
    """One life of a device process, ended by itself or by us."""

    def __init__(self, job: dict[str, Any], log: Path) -> None:
        command = [sys.executable, "-m", "training.service.device", json.dumps(job)]
        with log.open("ab") as said:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=said, cwd=ROOT, text=True
            )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        if self._process.stdout is not None:
            for line in self._process.stdout:
                self.lines.append(line.strip())

    @property
    def over(self) -> bool:
        return self._process.poll() is not None

    @property
    def downloaded(self) -> bool:
        return "downloaded" in self.lines

    def kill(self) -> None:
        self._process.kill()
        self.wait(10)

    def wait(self, seconds: float) -> str:
        """How it ended: ``ok``, ``error CODE``, ``killed``, ``hangs`` or ``crash``."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return "hangs"
        self._reader.join(5)
        if code == -9:
            return "killed"
        with contextlib.suppress(ValueError, IndexError):
            told = json.loads(self.lines[-1])
            if told.get("ok") is True and code == 0:
                return "ok"
            if told.get("error") and told.get("message") and code == 1:
                clear = str(told["message"]).isprintable() and "Traceback" not in told["message"]
                return f"error {told['error']}" if clear else "crash"
        return "crash"


def run_trial(number: int, seed: int, kinds: tuple[str, ...], bench: Bench) -> Outcome:
    """Everything of trial ``number`` follows from ``seed`` but the machine's own timing."""
    rng = random.Random(f"{seed}/{number}")
    kind = rng.choice(kinds)
    stage, delay = rng.choice(STAGES), rng.choice([0.0, 0.0, rng.uniform(0, 0.3)])
    fault, detail = _fault(kind, rng)
    full = rng.uniform(0.5, 6.0)
    if kind in ("server killed", "replica killed", "client killed"):
        stage = "downloaded" if kind == "client killed" and rng.random() < 0.3 else stage
        detail = f"at {stage} + {delay:.2f} s"
        if rng.random() < 0.25:  # two troubles at once
            fault, more = _fault(rng.choice(KINDS[2:6]), rng)
            detail += f", {more}"
    outcome = Outcome(number, kind, detail)
    folder = bench.folder / f"trial-{number}"
    folder.mkdir(parents=True, exist_ok=True)
    job = {
        "server": bench.proxy.address, "pair": bench.oracle.pair, "prompt": rng.choice(PROMPTS),
        "steps": 2 * bench.split, "split": bench.split, "scheduler": rng.choice(["dpm++", "ddim"]),
        "plan": rng.choice(["exact", "exact", "balanced"]), "cache": str(folder / "cache"),
        "out": str(folder / "latents"), "linger": 0.5, "silence": 60.0, "total": 200.0,
        "busy": 60.0, "key": bench.key,
    }  # fmt: skip
    passed: list[str] = []
    seen = bench.proxy.arm(fault, lambda path: passed.append(path.rpartition("/")[2]))
    begun = time.monotonic()
    if kind == "disk full":
        bench.cloud.full_disk(full=True)
        outcome.detail = f"no room for {full:.1f} s"
        threading.Timer(full, lambda: bench.cloud.full_disk(full=False)).start()
    log = folder / "device.log"
    run = Run(job, log)
    if kind in ("server killed", "replica killed", "client killed"):
        _strike(kind, stage, delay, run, passed, bench)
    outcome.ended = run.wait(PATIENCE)
    check_answer(outcome, job, seen, bench)
    posts = check_bytes(outcome, seen)
    if outcome.ended == "killed":
        before = len(posts)
        outcome.recovered = Run(job, log).wait(PATIENCE)
        check_answer(outcome, job, seen, bench, again=True)
        posts = check_bytes(outcome, seen)
        if stage == "downloaded" and len(posts) > before:
            outcome.wrong.append("asked again after the download")
    if kind == "server killed":
        bench.cloud.wait()
    if kind == "disk full":
        bench.cloud.full_disk(full=False)
    if outcome.ended.startswith("error"):  # told clearly; the next try must go well
        seen = bench.proxy.arm(Fault())
        outcome.recovered = Run(job, log).wait(PATIENCE)
        check_answer(outcome, job, seen, bench, again=True)
        check_bytes(outcome, seen)
    outcome.posts = len(posts)
    check_files(outcome, folder, bench)
    outcome.seconds = round(time.monotonic() - begun, 2)
    return outcome


def _fault(kind: str, rng: random.Random) -> tuple[Fault, str]:
    # what passes of an answer: its head is about 130 bytes, the latents a few thousand
    after, times = rng.choice([0, 1, 60, 150, 400, 1500, 4000]), rng.randint(1, 6)
    if kind == "connection cut":
        return Fault("cut", after, connections=times), f"reset after {after} B, {times} times"
    if kind == "answer truncated":
        return Fault("truncate", after, connections=times), f"ended after {after} B, {times} times"
    if kind == "connection slowed":
        rate = rng.choice([600.0, 2000.0, 8000.0])
        return Fault("slow", rate=rate, connections=99), f"{rate:.0f} B/s"
    if kind == "connection duplicated":
        return Fault("duplicate", connections=99), "every byte twice, on two connections"
    return Fault(), ""


def _strike(kind: str, stage: str, delay: float, run: Run, passed: list[str], bench: Bench) -> None:
    """Waits until the exchange has come to ``stage``, then kills."""
    end = time.monotonic() + PATIENCE
    while not (run.over or (run.downloaded if stage == "downloaded" else stage in passed)):
        if time.monotonic() > end:
            return
        time.sleep(0.002)
    time.sleep(delay)
    if kind == "client killed":
        run.kill()
    elif kind == "replica killed":
        for replica in replicas()[:1]:
            with contextlib.suppress(psutil.Error):
                replica.kill()
    else:
        bench.cloud.kill()
        bench.cloud.start()


def replicas() -> list[psutil.Process]:
    """Ray replicas of this machine, as the system sees them."""
    found = []
    for each in psutil.process_iter(["cmdline"]):
        words = " ".join(each.info["cmdline"] or ())
        if words.startswith("ray::ServeReplica") and "Replica" in words:
            found.append(each)
    return found
