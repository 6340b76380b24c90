"""``obclip generate``: one command to a picture, or one clear line and no file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Obclip
from tests.client.fakes import between, free_port

PROMPT = "a photo of a woman doctor"


def test_a_private_picture_end_to_end_with_a_local_cloud(tiny_pair: str, tmp_path: Path) -> None:
    picture, sheet = tmp_path / "mine.png", tmp_path / "cloud.png"
    done = subprocess.run(
        [
            sys.executable, "-m", "obclip", "generate", PROMPT, "--pair", tiny_pair, "--steps", "4",
            "--split", "2", "-o", str(picture), "--show-cloud", str(sheet),
        ],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    for said in ("The cloud saw 2 prompts", PROMPT, "a photo of a man doctor", "demonstration",
                 "1.00 times", "connection closed", "Peak memory", str(picture)):  # fmt: skip
        assert said in done.stdout
    with Image.open(picture) as mine, Image.open(sheet) as all_of_them:
        assert (mine.format, mine.size, mine.info) == ("PNG", (64, 64), {})
        assert all_of_them.width > 2 * 128
    assert sorted(f.name for f in tmp_path.iterdir()) == ["cloud.png", "mine.png"]


GUARD = """
import sys
def hook(event, _):
    if event in ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo"):
        raise AssertionError(event)
sys.addaudithook(hook)
from obclip.cli.main import main
main(sys.argv[1:])
"""


def test_device_only_opens_no_socket_in_the_whole_process(tiny_pair: str, tmp_path: Path) -> None:
    picture = tmp_path / "mine.png"
    done = subprocess.run(
        [
            sys.executable, "-c", GUARD, "generate", PROMPT, "--pair", tiny_pair, "--steps", "2",
            "--split", "1", "-o", str(picture), "--device-only", "--seed", "3",
        ],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "nothing was sent" in done.stdout
    assert picture.is_file()


def test_a_seed_repeats_a_picture_on_this_device(
    obclip: Obclip, cloud: str, tiny_pair: str, tmp_path: Path
) -> None:
    common = ("generate", PROMPT, "--server", cloud, "--pair", tiny_pair, "--steps", 2,
              "--split", 1, "--quiet")  # fmt: skip
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        ran = obclip(*common, "--seed", seed, "-o", tmp_path / f"{name}.png")
        assert ran == (0, "", "")
    a, b, c = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert a == b != c


def test_the_seed_that_is_sent_is_not_the_users(
    obclip: Obclip, cloud: str, tiny_pair: str, tmp_path: Path
) -> None:
    with between(cloud) as fake:
        ran = obclip("generate", PROMPT, "--server", fake.address, "--pair", tiny_pair, "--steps",
                     2, "--split", 1, "--seed", 424242, "-o", tmp_path / "a.png")  # fmt: skip
    assert ran.code == 0
    assert not any(b"424242" in request for request in fake.received)


def test_several_pictures_are_several_files(
    obclip: Obclip, cloud: str, tiny_pair: str, tmp_path: Path
) -> None:
    ran = obclip("generate", PROMPT, "--server", cloud, "--pair", tiny_pair, "--steps", 2,
                 "--split", 1, "--n", 2, "-o", tmp_path / "p.png")  # fmt: skip
    assert ran.code == 0
    assert sorted(f.name for f in tmp_path.iterdir()) == ["p-1.png", "p-2.png"]


def test_no_privacy_says_so(obclip: Obclip, cloud: str, tiny_pair: str, tmp_path: Path) -> None:
    ran = obclip("generate", PROMPT, "--server", cloud, "--pair", tiny_pair, "--steps", 2,
                 "--split", 1, "--no-privacy", "-o", tmp_path / "p.png")  # fmt: skip
    assert ran.code == 0
    assert "Sent without protection" in ran.out


@pytest.mark.parametrize(
    ("prompt", "options", "code", "said"),
    [
        ("", (), 3, "prompt is empty"),
        ("  \n ", (), 3, "prompt is empty"),
        ("", ("--no-privacy",), 3, "prompt is empty"),
        ("x" * 6000, (), 3, "6000 characters"),
        (PROMPT, ("--protect", "hair"), 1, "unknown attribute; got hair; expected gender"),
        (PROMPT, ("--protect", ""), 1, "protects nothing"),
        (PROMPT, ("--plan", "magic"), 1, "unknown plan; got magic; expected exact"),
        (PROMPT, ("--scheduler", "magic"), 1, "unknown scheduler"),
        (PROMPT, ("--split", "5"), 1, "split out of range; got 5; expected 0 to 4"),
        (PROMPT, ("--steps", "0"), 1, "steps out of range"),
        (PROMPT, ("--steps", "9999"), 1, "steps out of range"),
        (PROMPT, ("--size", "100"), 1, "height does not fit the model; got 100"),
        (PROMPT, ("--size", "0"), 1, "size out of range"),
        (PROMPT, ("--guidance", "nan"), 1, "guidance out of range"),
        (PROMPT, ("--n", "99"), 1, "images out of range"),
        (PROMPT, ("--pair", "nope"), 1, "unknown pair"),
        (PROMPT, ("--pair", "/nowhere,/nowhere"), 1, "no model folder there"),
        (PROMPT, ("--server", "http://127.0.0.1:{dead}"), 1, "no cloud there"),
        (PROMPT, ("--server", "nonsense"), 1, "no cloud there"),
        (PROMPT, ("--output", "{folder}/no/such/folder.png"), 1, "no folder to write to"),
        (PROMPT, ("--output", "{folder}"), 1, "cannot write that kind of file"),
        (PROMPT, ("--output", "{folder}/picture.bmp"), 1, "cannot write that kind of file"),
        (PROMPT, ("--show-cloud", "{folder}/no/sheet.png"), 1, "no folder to write to"),
        (PROMPT, ("--profile", "{folder}/no.toml"), 1, "no profile there"),
    ],
)
def test_bad_input_is_one_clear_line_and_no_file(
    obclip: Obclip,
    cloud: str,
    tiny_pair: str,
    tmp_path: Path,
    prompt: str,
    options: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    with between(cloud) as fake:
        given = [
            o.replace("{folder}", str(tmp_path)).replace("{dead}", str(free_port()))
            for o in options
        ]
        ran = obclip("generate", prompt, "--server", fake.address, "--pair", tiny_pair, "--steps",
                     4, "--split", 2, "-o", tmp_path / "picture.png", *given)  # fmt: skip
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.line
    assert list(tmp_path.iterdir()) == []
    assert "generations" not in fake.paths()


@pytest.mark.parametrize(
    "options", [("--server", "http://x"), ("--no-privacy",), ("--show-cloud", "x.png")]
)
def test_device_only_involves_no_cloud(obclip: Obclip, options: tuple[str, ...]) -> None:
    ran = obclip("generate", PROMPT, "--device-only", *options)
    assert ran.code == 2
    assert "involves no cloud" in ran.err


def test_a_refused_prompt_offers_device_only_and_device_only_draws_it(
    obclip: Obclip, cloud: str, tiny_pair: str, tmp_path: Path
) -> None:
    common = ("--pair", tiny_pair, "--steps", 2, "--split", 1, "-o", tmp_path / "p.png")
    ran = obclip("generate", "портрет женщины", "--server", cloud, *common)
    assert ran.code == 3
    assert "--device-only" in ran.line
    assert obclip("generate", "портрет женщины", "--device-only", *common).code == 0


def test_a_full_disk_is_one_clear_line_and_no_file(
    obclip: Obclip, cloud: str, tiny_pair: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno
    import os

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    ran = obclip("generate", PROMPT, "--server", cloud, "--pair", tiny_pair, "--steps", 2,
                 "--split", 1, "-o", tmp_path / "p.png")  # fmt: skip
    assert (ran.code, ran.out) == (1, "")
    assert "No space left on device" in ran.line
    assert list(tmp_path.iterdir()) == []
