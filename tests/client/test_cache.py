"""What waits on the device for a crash: whole or absent, for this user alone, never a prompt."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from obclip.client.cache import ResultCache
from obclip.client.download import Report, download
from obclip.client.errand import Errand
from obclip.client.generate import generate
from obclip.client.profile import Public
from obclip.client.transport import Connection
from obclip.diffusion.compatibility import Facts
from obclip.errors import AnswerInvalid, ObclipError, TransportError
from obclip.privacy import Expansion, PrivacySettings, expand
from tests.client.fakes import Fake, at, between

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


@pytest.fixture
def cache(tmp_path: Path) -> ResultCache:
    return ResultCache(tmp_path / "answers", max_bytes=1000)


def test_an_answer_is_kept_under_its_hash_and_deleted(cache: ResultCache) -> None:
    assert cache.get(A) is None
    assert cache.put(A, b"latents")
    assert cache.get(A) == b"latents"
    assert cache.size() == (1, 39)
    cache.drop(A)
    cache.drop(A)
    assert cache.get(A) is None
    cache.put(A, b"x")
    cache.seed_file(B).write_text("1\n")
    assert cache.clear() == 1
    assert list(cache.folder.iterdir()) == []


@pytest.mark.parametrize("name", ["", "a prompt", "../" + "a" * 61, "A" * 64, "a" * 63])
def test_nothing_but_a_hash_names_an_answer(cache: ResultCache, name: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        cache.put(name, b"")


def test_only_its_user_can_read_it(cache: ResultCache) -> None:
    cache.folder.mkdir(mode=0o777)
    cache.put(A, b"latents")
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700
    (file,) = cache.folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_it_stays_small_and_the_oldest_goes_first(cache: ResultCache) -> None:
    for age, name in ((30, A), (20, B)):
        cache.put(name, bytes(400))
        os.utime(cache.folder / f"{name}.latents", (time.time() - age,) * 2)
    cache.put(C, bytes(400))
    assert [cache.get(n) is not None for n in (A, B, C)] == [False, True, True]
    assert not cache.put(A, bytes(2000))
    assert cache.size()[1] <= 1000


def test_old_answers_and_parts_go(cache: ResultCache) -> None:
    cache.put(A, b"x")
    part = cache.folder / ".part-left"
    part.write_bytes(b"half")
    for file in cache.folder.iterdir():
        os.utime(file, (1, 1))
    assert cache.get(A) is None
    cache.put(B, b"y")
    assert [f.name for f in cache.folder.iterdir()] == [f"{B}.latents"]


@pytest.mark.parametrize("damage", [b"", b"x" * 20, b"\0" * 39])
def test_a_damaged_answer_is_none(cache: ResultCache, damage: bytes) -> None:
    cache.put(A, b"latents")
    (cache.folder / f"{A}.latents").write_bytes(damage)
    assert cache.get(A) is None


def test_no_disk_means_no_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = ResultCache(tmp_path / "file" / "answers")
    assert not cache.put(A, b"x")
    assert cache.get(A) is None
    assert (cache.size(), cache.clear()) == ((0, 0), 0)
    with Errand(cache) as errand:
        assert errand.request(lambda seed: b"%d" % seed, 7) == b"7"


def build(seed: int) -> bytes:
    return b"the set, %d" % seed


def test_a_crash_sends_the_same_bytes_again_and_an_end_does_not(cache: ResultCache) -> None:
    with Errand(cache) as errand:
        assert errand.request(build, 5) == build(5)
    with Errand(cache) as errand:  # the last one did not say that it was done
        assert errand.request(build, 6) == build(5)
        errand.done()
    with Errand(cache) as errand:
        assert errand.request(build, 7) == build(7)


def test_a_named_seed_is_the_users_own(cache: ResultCache) -> None:
    with Errand(cache) as errand:
        errand.request(build, 5)
    with Errand(cache, fresh=False) as errand:
        assert errand.request(build, 6) == build(6)


def test_two_runs_at_once_of_one_set_draw_two_pictures(cache: ResultCache) -> None:
    with Errand(cache) as one, Errand(cache) as other:
        assert one.request(build, 1) != other.request(build, 2)


@pytest.mark.parametrize(
    ("error", "kept"),
    [(TransportError("x"), True), (AnswerInvalid("x"), False), (KeyboardInterrupt(), False)],
)
def test_what_is_taken_up_again(cache: ResultCache, error: BaseException, kept: bool) -> None:
    with pytest.raises(type(error)), Errand(cache) as errand:
        errand.request(build, 1)
        raise error
    with Errand(cache) as errand:
        assert errand.request(build, 2) == build(1 if kept else 2)


def test_after_the_download_only_a_stop_by_hand_asks_again(cache: ResultCache) -> None:
    for error, again in ((RuntimeError(), False), (KeyboardInterrupt(), True)):
        with pytest.raises(type(error)), Errand(cache) as errand:
            errand.request(build, 1)
            errand.keep(b"answer")
            raise error
        with Errand(cache) as errand:
            errand.request(build, 1)
            assert (errand.answer() is None) is again


def paths(fake: Fake, cache: ResultCache, public: Public, prompt: str, seed: int) -> list[str]:
    """One generation that crashes before its picture is written; what it sent."""
    fake.received.clear()
    with Errand(cache) as errand:
        generate(expand(prompt, PrivacySettings()), public, lambda: fake.address, seed=seed, errand=errand)  # fmt: skip  # noqa: E501
    return fake.paths()


def test_a_crash_after_the_download_does_not_ask_again_whichever_member_is_asked_for(
    cloud: str, public: Public, tmp_path: Path
) -> None:
    cache, prompt = ResultCache(tmp_path / "answers"), "a photo of a {} cooking"
    with between(cloud) as fake:
        first = paths(fake, cache, public, prompt.format("man"), 1)
        assert first == ["models", "generations", "progress", "latents"]
        for member in ("man", "woman"):
            assert paths(fake, cache, public, prompt.format(member), 2) == ["models"]
        held = b"".join(f.name.encode() + f.read_bytes() for f in cache.folder.iterdir())
        assert not any(word in held for word in (b"man", b"cook", b"photo", b"prompt"))


def test_a_spoilt_answer_of_the_clouds_is_not_kept(
    cloud: str, facts: Facts, public: Public, expansion: Expansion, tmp_path: Path
) -> None:
    cache = ResultCache(tmp_path / "answers")
    cheat = at("latents", body=lambda b: b[:-2] + b"\0\x7e")
    with between(cloud, cheat) as fake, pytest.raises(ObclipError), Errand(cache) as errand:
        download(
            expansion.candidates, public, facts, Connection(fake.address), seed=1,
            report=Report(), errand=errand,
        )  # fmt: skip
    assert cache.size() == (0, 0)
    assert list(cache.folder.iterdir()) == []


def test_a_writer_that_is_killed_leaves_nothing_half_written(tmp_path: Path) -> None:
    folder = tmp_path / "answers"
    code = (
        "import sys\nfrom pathlib import Path\nfrom obclip.client.cache import ResultCache\n"
        "cache = ResultCache(Path(sys.argv[1]))\nprint('go', flush=True)\n"
        "while True: cache.put('a' * 64, bytes(3_000_000))\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    cache = ResultCache(folder)
    while cache.get(A) is None:
        time.sleep(0.01)
    time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert cache.get(A) == bytes(3_000_000)
