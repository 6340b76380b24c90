"""CLIP as a judge of photographs: caption scores and features for pairs that the bundled judge does
not know.

Reads a model in transformers' format from a folder on this disk (the paper used OpenCLIP's ViT-g,
published in that format too); nothing is fetched. Figures of two CLIP models do not compare, nor do
they with the bundled judge's: a table names the one that made its columns.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 the usual name

from obclip.errors import ModelError

_PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp"})


class Clip:
    """An image-text model. ``name`` is its folder's, to head columns with."""

    def __init__(self, model: Any, words: Any, images: Any, name: str) -> None:
        self.model = model.eval().requires_grad_(False)
        self.words, self.images, self.name = words, images, name

    @staticmethod
    def load(folder: Path) -> Clip:
        """Reads model, tokenizer and image processor.

        Raises:
            ModelError: no CLIP model in transformers' format there.
        """
        from transformers import CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

        try:
            if not (folder / "config.json").is_file():  # a missing folder would be taken for a name
                raise FileNotFoundError
            model = CLIPModel.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
            )
            words = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
            images = CLIPImageProcessorPil.from_dict(
                json.loads((folder / "preprocessor_config.json").read_text("utf-8"))
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(
                "no CLIP model there", code="no_clip", got=f"{folder} ({type(error).__name__})",
                expected="config.json, model.safetensors, a tokenizer and preprocessor_config.json",
                action="save one with transformers' save_pretrained",
            ) from None  # fmt: skip
        return Clip(model, words, images, folder.resolve().name)

    @torch.inference_mode()
    def embeddings(self, pictures: Sequence[Image.Image], *, batch: int = 16) -> Tensor:
        """Pictures of any size to embeddings (n, d) of length one."""
        rows = []
        for i in range(0, len(pictures), batch):
            chunk = [p.convert("RGB") for p in pictures[i : i + batch]]
            pixels = self.images(images=chunk, return_tensors="pt").pixel_values
            rows.append(self.model.get_image_features(pixel_values=pixels).pooler_output)
        return F.normalize(torch.cat(rows), dim=1)

    @torch.inference_mode()
    def caption_scores(self, embeddings: Tensor, captions: Sequence[str]) -> Tensor:
        """Cosine (n,) of each picture with its caption (CLIPScore: Hessel et al. 2021).

        As in the paper's tables the cosine itself, not 100 times it. Captions beyond the model's
        length are cut, as CLIP does.

        Raises:
            ModelError: not as many captions as pictures.
        """
        if len(captions) != len(embeddings):
            raise ModelError(
                "captions and pictures differ", code="bad_captions", got=len(captions),
                expected=f"one a picture ({len(embeddings)})",
            )  # fmt: skip
        tokens = self.words(
            list(captions), padding=True, truncation=True, return_tensors="pt",
            max_length=self.model.config.text_config.max_position_embeddings,
        )  # fmt: skip
        read = F.normalize(self.model.get_text_features(**tokens).pooler_output, dim=1)
        scores: Tensor = (read * embeddings).sum(1)
        return scores

    def reference(self, folder: Path) -> Tensor:
        """Embeddings (m, d) of all pictures of a folder: what distances compare with.

        Raises:
            ModelError: fewer than two pictures there, or one that cannot be read.
        """
        files = sorted(p for p in folder.glob("*") if p.suffix.lower() in _PICTURES)
        if len(files) < 2:
            raise ModelError(
                "too few reference pictures", code="no_reference", got=f"{len(files)} in {folder}",
                expected=f"2 or more of {', '.join(sorted(_PICTURES))}",
            )  # fmt: skip
        try:
            return self.embeddings([Image.open(file) for file in files])
        except OSError as error:
            raise ModelError(
                "a reference picture cannot be read", code="no_reference", got=str(error),
                expected="pictures that Pillow reads",
            ) from None  # fmt: skip
