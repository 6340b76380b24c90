"""The training recipe runs, resumes, and never sees what is held out."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from obclip.diffusion.compatibility import problems, read_facts
from obclip.diffusion.pairs import Source
from training.mini import (
    autoencoder,
    captions,
    catalogue,
    denoiser,
    distill,
    export,
    latents,
    practice,
    render,
    restore,
    text,
    tokenizer,
)
from training.mini.bank import Bank


def test_labels_come_from_unicode_names(work: Path) -> None:
    items = list(catalogue.load(work / "packages"))
    assert len(items) == 3 * 9 * 3
    judges = {(i.gender, i.tone) for i in items if i.concept == "judge" and i.style == "noto"}
    assert ("woman", "dark") in judges
    assert ("man", "yellow") in judges
    assert {i.age for i in items if i.concept == "child"} == {"child"}


def test_a_tenth_of_the_combinations_is_held_out_in_every_style() -> None:
    keys = [
        f"{c.key}|{g}|{t}"
        for c in catalogue.CONCEPTS
        for g in catalogue.GENDERS
        for t in catalogue.TONES
    ]
    share = sum(map(catalogue.held_out, keys)) / len(keys)
    assert 0.07 < share < 0.13


def test_captions_name_what_the_picture_shows() -> None:
    rng = Random(0)
    for _ in range(200):
        text = captions.caption(
            "noto", "judge", "woman", "adult", "dark", "teal", rng, complete=True
        )
        assert "judge" in text and "dark" in text and "teal" in text and "noto" in text
        assert any(word in text for word in ("woman", "lady", "female"))
    assert captions.caption("noto", "judge", "man", "adult", "dark", "red", Random(4)) == (
        captions.caption("noto", "judge", "man", "adult", "dark", "red", Random(4))
    )


def test_the_whole_recipe_runs_and_resumes(
    work: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (denoiser, distill):
        monkeypatch.setitem(module.BATCH, "cpu", 4)
        monkeypatch.setattr(module, "CLOUD_WIDTHS", (32, 64, 64))
    monkeypatch.setattr(distill, "DEVICE_WIDTHS", (24, 48, 48))
    monkeypatch.setattr(distill, "DEVICE_GROUPS", 24)
    for table in (practice.HANDED, practice.ROLL):
        monkeypatch.setitem(table, "cpu", 4)
    items = render.render_all(work / "packages", work)
    tokenizer.train(items, work / "tokenizer", captions=200)
    autoencoder.train(work, items, minutes=0.01)
    text.train(work, items, minutes=0.01)
    coder = autoencoder.load(work)
    cache = latents.encode(work, coder, items, 2)
    assert cache.shape == (len(items), 2, autoencoder.LATENT_CHANNELS, 16, 16)
    denoiser.train(work, items, cache, minutes=0.01)
    first = torch.load(work / "cloud.pt", weights_only=True)
    denoiser.train(work, items, cache, minutes=first["trained"] / 60 + 0.01)
    second = torch.load(work / "cloud.pt", weights_only=True)
    assert 0 < first["step"] < second["step"]
    assert "resumed" in capsys.readouterr().out
    distill.train(work, items, cache, minutes=0.01)
    target = work / "pair"
    export.export(work, items, cache, target)
    cloud, device = (read_facts(Source(str(target / p))) for p in ("cloud", "device"))
    assert problems(cloud, device) == ()
    assert cloud.latent_channels == autoencoder.LATENT_CHANNELS
    again = work / "again"
    again.mkdir()
    restore.restore(again, target)
    before, after = (distill.averaged_cloud(w, autoencoder.LATENT_CHANNELS) for w in (work, again))
    for old, new in zip(before, after, strict=True):
        for name, value in new.state_dict().items():
            torch.testing.assert_close(value, old.state_dict()[name].half().to(value.dtype))


def test_training_never_draws_a_held_out_item(work: Path) -> None:
    items = list(catalogue.load(work / "packages"))
    assert any(item.held_out for item in items)
    if not (work / "tokenizer").exists():
        tokenizer.train(items, work / "tokenizer", captions=50)
    fake = np.zeros((len(items), 1, 8, 16, 16), np.float16)
    fake[:, :, 0] = 1
    data = denoiser.Examples(items, fake, work / "tokenizer", 0)
    assert not any(items[i].held_out for i in data.keep)
    assert len(data.keep) == sum(not item.held_out for item in items)


def test_finishing_is_practised_on_late_steps_alone() -> None:
    alphas = denoiser.schedule().alphas_cumprod
    x, g = torch.zeros(64, 8, 4, 4), torch.Generator().manual_seed(0)
    _, everywhere, _, _ = denoiser.noised(alphas, x, g)
    _, late, _, _ = denoiser.noised(alphas, x, g, below=distill.FINISH)
    assert int(everywhere.max()) > 800 > distill.FINISH > int(late.max())
    # the cloud's hand-over after 10 of 25 steps stands at 599
    assert distill.FINISH > 599


def test_the_cloud_has_decided_something_by_the_split() -> None:
    alphas = denoiser.schedule().alphas_cumprod
    handed = alphas[599]  # where the tenth of 25 trailing steps ends
    assert 1 < handed / (1 - handed) < 1.2


def test_the_rate_falls_from_where_it_is_told_to() -> None:
    assert denoiser.rate(0.7, 500, 1.0) == denoiser.rate(0.5, 500, 1.0, cool_from=0.5) == 1.0
    assert denoiser.rate(0.7, 500, 1.0, cool_from=0.5) < 0.7
    assert denoiser.rate(1.0, 500, 1.0, cool_from=0.5) == pytest.approx(0.02)


def test_captions_written_in_advance_are_those_of_the_pictures(work: Path) -> None:
    items = list(catalogue.load(work / "packages"))
    if not (work / "tokenizer").exists():
        tokenizer.train(items, work / "tokenizer", captions=50)
    seen = [i for i, item in enumerate(items) if not item.held_out]
    marked = np.zeros((len(items), 2, 8, 16, 16), np.float16)
    marked[:, :, 0, 0, 0] = np.arange(len(items))[:, None]  # a picture tells which it is
    marked[:, 1, 1, 0, 0] = 1  # and on which background
    bank = Bank(items, marked, work / "tokenizer", 0, torch.device("cpu"))
    x, ids = bank.batch(200)
    words, empty = tokenizer.load(work / "tokenizer"), 0
    for picture, row in zip(x / bank.scale, ids, strict=True):
        index, colour = round(float(picture[0, 0, 0])), round(float(picture[1, 0, 0]))
        said = words.decode(row, skip_special_tokens=True)
        assert index in seen
        if not said:
            empty += 1
            continue
        names = latents.backgrounds_of(index, 2)
        other = set(captions.BACKGROUNDS) - {names[colour]}
        assert not any(f"{name} background" in said for name in other)
        assert not any(f"{s} style" in said for s in catalogue.STYLES if s != items[index].style)
    assert 5 <= empty <= 45
    again = Bank(items, marked, work / "tokenizer", 0, torch.device("cpu")).batch(200)
    assert torch.equal(x, again[0]) and torch.equal(ids, again[1])
