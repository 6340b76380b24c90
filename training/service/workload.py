"""Mixed work for the load test: set sizes, splits and plans, each with the answer it must get."""

from __future__ import annotations

import dataclasses
import random
import threading
import time
from dataclasses import dataclass
from typing import Any

import msgspec

from obclip.errors import ObclipError
from obclip.protocol.codec import Latents, encode_request
from obclip.protocol.messages import GenerateRequest
from training.service.oracle import Oracle, engine_call

#: (candidates, value counts).
SETS = ((2, (2,)), (3, (3,)), (6, (2, 3)))
SPLITS = (5, 10)
PLANS = ("exact", "balanced", "fast")
STEPS = 25
WORDS = ("red", "tall", "young", "quiet", "busy", "round", "blue", "small")


@dataclass(frozen=True)
class Piece:
    """One kind of work: equal work has an equal ``name``."""

    name: str
    request: GenerateRequest
    expected: Latents

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        images, n, channels, height, width = self.expected.shape
        return images, n, channels, height, width

    def bytes_of(self, mark: str) -> bytes:
        """The request as bytes that nobody has sent before, with the same answer.

        The table's version is told to the cloud and changes nothing that is computed.
        """
        return encode_request(msgspec.structs.replace(self.request, table_version=mark))


def pieces(oracle: Oracle, model: str, side: int, guidance: float, seed: int) -> list[Piece]:
    """All kinds of work that the model can do, each with its right answer."""
    rng = random.Random(seed)
    made = []
    for n, sizes in SETS:
        for split in SPLITS:
            for plan in PLANS:
                prompts = tuple(f"a {WORDS[i]} person with a {WORDS[-1 - i]} hat" for i in range(n))
                request = GenerateRequest(
                    version=1, model=model, plan=plan, scheduler="dpm++", steps=STEPS, split=split,
                    guidance=guidance, height=side, width=side, images=1,
                    seed=rng.randrange(2**62), prompts=prompts, sizes=sizes, table_version="load",
                )  # fmt: skip
                try:
                    expected = oracle.answer(request)
                except ObclipError:  # a plan that this model's shape does not allow
                    continue
                made.append(Piece(f"N={n} k={split} {plan}", request, expected))
    return made


def alone(oracle: Oracle, work: list[Piece], seconds: float) -> float:
    """Jobs a second of the engine driven directly, one job after the other."""
    calls = [engine_call(piece.request, oracle.engine) for piece in work]
    begun, count = time.perf_counter(), 0
    while count % len(calls) or time.perf_counter() - begun < seconds:
        job, plan = calls[count % len(calls)]
        oracle.engine.run(job, plan)
        count += 1
    return count / (time.perf_counter() - begun)


def shared(oracle: Oracle, work: list[Piece], seconds: float, clients: int, rows: int) -> float:
    """Jobs a second of the loop that shares model calls, driven directly by as many tenants."""
    from obclip.cloud.loop import Loop

    loop = Loop(oracle.engine.parts, rows=rows, memory=1 << 34, bytes_a_cell=1.0)
    thread = threading.Thread(target=loop.serve, daemon=True)
    thread.start()
    calls = [engine_call(piece.request, oracle.engine) for piece in work]
    lock, done, begun = threading.Lock(), [0], time.perf_counter()
    over = threading.Event()

    def submit(client: int, turn: int) -> None:
        job, plan = calls[(client + turn) % len(calls)]

        def end(result: Any, error: BaseException | None) -> None:
            with lock:
                done[0] += error is None
            if time.perf_counter() - begun < seconds:
                submit(client, turn + 1)
            else:
                over.set()

        loop.submit((client, turn), str(client), lambda engine: engine.run(job, plan), end)

    for client in range(clients):
        submit(client, 0)
    over.wait(seconds + 120)
    rate = done[0] / (time.perf_counter() - begun)
    loop.close()
    thread.join(60)
    return rate


@dataclass
class Served:
    """One job that came back."""

    client: int
    kind: str
    begun: float
    seconds: float
    right: bool

    def row(self) -> dict[str, Any]:
        return dataclasses.asdict(self)
