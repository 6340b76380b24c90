"""The life of jobs, as hypothesis tries it: any order of any exchange keeps the contract."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from obclip.protocol.codec import request_id
from tests.server.fakes import Instant, serving
from tests.wire import body

URL = "/v1/generations"
SEEDS = st.integers(0, 5)


class Life(RuleBasedStateMachine):
    """A model of the server: for each content its state, beside the server itself."""

    def __init__(self) -> None:
        super().__init__()
        self.backend = Instant(held=True)
        self.context = serving(self.backend, queue=3)
        self.http = self.context.__enter__()
        self.states: dict[str, str] = {}
        self.drained = False

    def teardown(self) -> None:
        self.context.__exit__(None, None, None)

    def ask(self, method: str, path: str, **more: Any) -> Any:
        answer = self.http.request(method, path, **more)
        assert answer.status_code != 500 or answer.json()["code"] == "engine_failed"
        return answer

    @rule(seed=SEEDS)
    def submit(self, seed: int) -> None:
        data = body(seed=seed)
        name = request_id(data)
        answer = self.ask("POST", URL, content=data)
        open_jobs = sum(state == "running" for state in self.states.values())
        if self.states.get(name) in ("running", "done"):
            assert (answer.status_code, answer.json()["state"]) == (202, self.states[name])
        elif self.drained or open_jobs >= 3:
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
        else:
            assert (answer.status_code, answer.json()["id"]) == (202, name)
            self.states[name] = "running"

    @rule(seed=SEEDS, data=st.binary(max_size=40))
    def submit_nonsense(self, seed: int, data: bytes) -> None:
        good = body(seed=seed)
        for bad in (data, good[:-1], good + b" ", good.replace(b'"split":3', b'"split":99')):
            assert 400 <= self.ask("POST", URL, content=bad).status_code < 500

    @rule(seed=SEEDS)
    def fetch(self, seed: int) -> None:
        name = request_id(body(seed=seed))
        answer = self.ask("GET", f"{URL}/{name}/latents")
        expected = {"running": 409, "done": 200, "failed": 500}.get(self.states.get(name, ""), 404)
        assert answer.status_code == expected
        if expected == 200:
            assert answer.content == b"18"

    @rule(seed=SEEDS)
    def cancel(self, seed: int) -> None:
        name = request_id(body(seed=seed))
        known = self.states.pop(name, None)
        assert self.ask("DELETE", f"{URL}/{name}").status_code == (204 if known else 404)

    @rule(seed=SEEDS)
    def follow(self, seed: int) -> None:
        name = request_id(body(seed=seed))
        if self.states.get(name) in ("done", "failed"):
            answer = self.ask("GET", f"{URL}/{name}/progress")
            assert f'"state":"{self.states[name]}"' in answer.text

    @rule(fails=st.booleans())
    def end(self, fails: bool) -> None:
        self.backend.let(error=RuntimeError("x") if fails else None)
        for name, state in self.states.items():
            if state == "running":
                self.states[name] = "failed" if fails else "done"

    @precondition(lambda self: len(self.states) > 3)
    @rule()
    def drain(self) -> None:
        self.http.app.state.jobs.drain()  # type: ignore[attr-defined]
        self.drained = True

    @invariant()
    def counts_agree(self) -> None:
        counts = self.http.app.state.jobs.counts()  # type: ignore[attr-defined]
        running = sum(state == "running" for state in self.states.values())
        assert counts["running"] + counts["queued"] == running == len(self.backend.open)


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=int(os.environ.get("OBCLIP_EXAMPLES", "10")), stateful_step_count=30,
    deadline=None, suppress_health_check=list(HealthCheck),
)  # fmt: skip
