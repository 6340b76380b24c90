"""CLIP from a folder: a tiny random model in the very format."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from obclip.errors import ModelError
from obclip.evaluation.clip import Clip

WORDS = Path(__file__).parents[2] / "src/obclip/models/mini/cloud/tokenizer"


def picture(colour: str, side: int = 48) -> Image.Image:
    return Image.new("RGB", (side, side), colour)


def test_scores_are_the_cosines_of_the_model_itself(clip_folder: Path) -> None:
    clip = Clip.load(clip_folder)
    pictures = [picture("red"), picture("blue", 64)]
    captions = ["a woman", "a man doctor " * 30]  # the second is longer than the model reads
    seen = clip.embeddings(pictures, batch=1)
    assert seen.shape == (2, 24)
    torch.testing.assert_close(seen.norm(dim=1), torch.ones(2))
    found = clip.caption_scores(seen, captions)
    tokens = clip.words(captions, padding=True, truncation=True, max_length=20, return_tensors="pt")
    pixels = clip.images(images=pictures, return_tensors="pt").pixel_values
    with torch.no_grad():
        whole = clip.model(**tokens, pixel_values=pixels)
    wanted = whole.logits_per_image.diag() / clip.model.logit_scale.exp()
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)
    assert clip.name == "tiny-clip"


def test_the_reference_is_every_picture_of_a_folder(clip_folder: Path, tmp_path: Path) -> None:
    clip = Clip.load(clip_folder)
    for colour in ("green", "red"):
        picture(colour).save(tmp_path / f"{colour}.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    torch.testing.assert_close(
        clip.reference(tmp_path), clip.embeddings([picture("green"), picture("red")])
    )


def test_wrong_folders_are_named(clip_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no CLIP model there") as missing:
        Clip.load(tmp_path / "nothing")
    assert missing.value.code == "no_clip"
    with pytest.raises(ModelError, match="no CLIP model there"):
        Clip.load(WORDS)  # a tokenizer alone
    clip = Clip.load(clip_folder)
    with pytest.raises(ModelError, match="too few reference pictures"):
        clip.reference(tmp_path)
    (tmp_path / "a.png").write_bytes(b"no picture")
    picture("red").save(tmp_path / "b.png")
    with pytest.raises(ModelError, match="cannot be read"):
        clip.reference(tmp_path)
    with pytest.raises(ModelError, match="captions and pictures differ"):
        clip.caption_scores(clip.embeddings([picture("red")]), [])
