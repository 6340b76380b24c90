"""How a server starts, whom it listens to, and how it ends."""

from __future__ import annotations

import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from click.testing import CliRunner

from obclip.cli.keys import command as keys
from obclip.errors import ServerError
from obclip.server.accounts import Accounts
from obclip.server.embedded import engine_of
from obclip.server.run import _check, is_loopback
from obclip.server.settings import Settings
from tests.wire import body

SCRIPT = """
import sys
from obclip.server.app import app_over
from obclip.server.run import _check, _listen, run
from obclip.server.settings import Settings
from pathlib import Path
from tests.server.fakes import Instant
options = eval(sys.argv[1])
backend = Instant(held=options.pop("held", False))
if options.pop("stuck", False):
    backend.close = lambda: None
settings = Settings(port=0, log="off", **options)
_check(settings)
app = app_over(backend, settings)
if backend.held:
    import threading
    @app.post("/let")
    async def let() -> None:
        backend.let()
run(app, settings, _listen(settings.host, 0))
"""
ANYWHERE = "0.0.0.0"  # noqa: S104 what must be refused
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def process(**options: Any) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process of its own; gives it and its address."""
    command = [sys.executable, "-c", SCRIPT, repr(options).replace("PosixPath", "Path")]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        yield child, child.stdout.readline().removeprefix("ready ").strip()
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    mine = authority.issue_cert("127.0.0.1")
    mine.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    mine.private_key_pem.write_to_path(folder / "key.pem")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return folder


def test_tls_with_a_pair_of_ones_own(certificate: Path) -> None:
    tls = {"tls_cert": certificate / "cert.pem", "tls_key": certificate / "key.pem"}
    with process(**tls) as (_, address):
        assert address.startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=certificate / "ca.pem")
        with httpx.Client(verify=trusting, base_url=address, trust_env=False) as http:
            assert http.get("/health").json() == {"status": "ok"}
            assert http.post("/v1/generations", content=body()).status_code == 202
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{address}/health", trust_env=False)
        with pytest.raises(httpx.HTTPError):
            httpx.get(address.replace("https", "http") + "/health", trust_env=False)


def test_a_stopped_server_finishes_what_it_accepted() -> None:
    with process(held=True) as (child, address), httpx.Client(base_url=address, timeout=30) as http:
        job = http.post("/v1/generations", content=body()).json()["id"]
        child.send_signal(signal.SIGTERM)
        end = time.monotonic() + 20
        while http.get("/ready").status_code != 503:
            assert time.monotonic() < end
        refused = http.post("/v1/generations", content=body(seed=8))
        assert (refused.status_code, refused.json()["code"]) == (503, "draining")
        assert child.poll() is None
        http.post("/let")
        assert http.get(f"/v1/generations/{job}/latents").content == b"18"
        http.close()
        assert child.wait(20) == 0


def test_a_second_signal_or_the_end_of_its_patience_ends_it() -> None:
    with process(held=True, drain_seconds=0.2) as (child, address):
        httpx.post(f"{address}/v1/generations", content=body(), trust_env=False)
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0


def refused(**options: Any) -> str:
    with pytest.raises(ServerError) as error:
        _check(Settings(**options))
    return error.value.code


def test_others_are_served_with_keys_only(tmp_path: Path) -> None:
    file = tmp_path / "keys.db"
    assert refused(host=ANYWHERE) == "no_keys"
    accounts = Accounts(file)
    assert refused(host=ANYWHERE, database=file) == "no_keys"
    accounts.add("ann")
    _check(Settings(host=ANYWHERE, database=file))
    accounts.revoke("ann")
    assert refused(host="::", database=file) == "no_keys"
    _check(Settings())


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("localhost", True), ("::1", True),
     (ANYWHERE, False), ("", False), ("::", False), ("192.0.2.1", False)],
)  # fmt: skip
def test_only_loopback_is_loopback(host: str, own: bool) -> None:
    assert is_loopback(host) is own


def test_a_certificate_that_cannot_be_used_stops_the_start(
    certificate: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "x.pem"
    broken.write_text("not a certificate")
    assert refused(tls_cert=certificate / "cert.pem") == "tls"
    assert refused(tls_cert=tmp_path / "none", tls_key=tmp_path / "none") == "tls"
    assert refused(tls_cert=broken, tls_key=certificate / "key.pem") == "tls"


def test_what_cannot_be_is_refused_before_a_model_is_loaded(tmp_path: Path) -> None:
    assert refused(replicas=(4, 2)) == "bad_replicas"
    assert refused(database=tmp_path / "mistyped.db") == "storage"
    assert not (tmp_path / "mistyped.db").exists()
    with pytest.raises(ServerError) as error:
        engine_of(Settings(device="banana"))
    assert error.value.code == "no_device"
    with pytest.raises(ServerError) as error:
        engine_of(Settings(compile=True))
    assert error.value.code == "no_compile"


def test_a_model_call_that_does_not_end_holds_up_no_exit() -> None:
    with process(held=True, stuck=True, drain_seconds=0.2) as (child, address):
        httpx.post(f"{address}/v1/generations", content=body(), trust_env=False)
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0  # not 134, Python's abort over a thread that still computes


def test_keys_are_made_listed_and_revoked_on_the_command_line(tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(keys, [*arguments, "--database", str(tmp_path / "keys.db")])
        return done.output if done.exit_code == 0 else f"{done.exit_code} {done.output}"

    key = run("add", "ann", "--quota", "500").strip()
    accounts = Accounts(tmp_path / "keys.db")
    ident = accounts.who(key)
    assert run("list") == f"{ident}  ann  valid  0 jobs  0 units of 500\n"
    assert run("revoke", "ann") == ""
    assert "revoked" in run("list")
    assert run("revoke", "ann").startswith("1 ")
    for name in ("", " ", "a\nb", "x" * 81):
        with pytest.raises(ServerError) as error:
            accounts.add(name)
        assert error.value.code == "bad_name"
    for order in (["list"], ["revoke", "ann"]):
        missing = [*order, "--database", str(tmp_path / "none.db")]
        told = CliRunner().invoke(keys, missing).exception
        assert isinstance(told, ServerError)
        assert told.code == "storage"
        assert not (tmp_path / "none.db").exists()
    assert key.split("_", 2)[2] not in run("list")


def test_many_connections_at_once_get_answers() -> None:
    with process() as (_, address), httpx.Client(base_url=address, timeout=60) as http:
        states: list[int] = []

        def ask(seed: int) -> None:
            states.append(http.post("/v1/generations", content=body(seed=seed)).status_code)

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(states) == {202}
