"""CLIP from a folder: a tiny random model in the very format."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

from obclip.errors import ModelError
from obclip.evaluation.clip import Clip

WORDS = Path(__file__).parents[2] / "src/obclip/models/mini/cloud/tokenizer"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    out = tmp_path_factory.mktemp("clip") / "tiny-clip"
    words = CLIPTokenizer.from_pretrained(WORDS)
    text = {
        "vocab_size": len(words), "hidden_size": 32, "intermediate_size": 64,
        "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 20,
        "eos_token_id": words.eos_token_id, "bos_token_id": words.bos_token_id,
        "pad_token_id": words.eos_token_id,
    }  # fmt: skip
    vision = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "image_size": 32, "patch_size": 8,
    }  # fmt: skip
    CLIPModel(
        CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)
    ).save_pretrained(out)
    words.save_pretrained(out)
    CLIPImageProcessorPil(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    ).save_pretrained(out)
    return out


def picture(colour: str, side: int = 48) -> Image.Image:
    return Image.new("RGB", (side, side), colour)


def test_scores_are_the_cosines_of_the_model_itself(folder: Path) -> None:
    clip = Clip.load(folder)
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


def test_the_reference_is_every_picture_of_a_folder(folder: Path, tmp_path: Path) -> None:
    clip = Clip.load(folder)
    for colour in ("green", "red"):
        picture(colour).save(tmp_path / f"{colour}.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    torch.testing.assert_close(
        clip.reference(tmp_path), clip.embeddings([picture("green"), picture("red")])
    )


def test_wrong_folders_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no CLIP model there") as missing:
        Clip.load(tmp_path / "nothing")
    assert missing.value.code == "no_clip"
    with pytest.raises(ModelError, match="no CLIP model there"):
        Clip.load(WORDS)  # a tokenizer alone
    clip = Clip.load(folder)
    with pytest.raises(ModelError, match="too few reference pictures"):
        clip.reference(tmp_path)
    (tmp_path / "a.png").write_bytes(b"no picture")
    picture("red").save(tmp_path / "b.png")
    with pytest.raises(ModelError, match="cannot be read"):
        clip.reference(tmp_path)
    with pytest.raises(ModelError, match="captions and pictures differ"):
        clip.caption_scores(clip.embeddings([picture("red")]), [])
