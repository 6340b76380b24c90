"""The judge's text side: captions to points in the space of its pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 the usual name

EMBEDDING = 128
LENGTH = 48
_WIDTH = 128


@dataclass(frozen=True, slots=True)
class Words:
    """The judge's tokenizer, in CLIP's format."""

    tokenizer: Any

    @staticmethod
    def load(folder: Path) -> Words:
        from transformers import CLIPTokenizer

        return Words(CLIPTokenizer.from_pretrained(folder))

    @property
    def vocabulary(self) -> int:
        return len(self.tokenizer)

    def tokens(self, texts: list[str]) -> Tensor:
        """Token ids (n, 48), cut at 48 tokens, padded with the end token."""
        ids: Tensor = self.tokenizer(
            texts, padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt"
        ).input_ids
        return ids


class TextTower(nn.Module):
    """Two transformer layers; the mean over the caption's own tokens."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.end = vocabulary - 1
        self.tokens = nn.Embedding(vocabulary, _WIDTH)
        self.places = nn.Parameter(torch.randn(LENGTH, _WIDTH) * 0.02)
        layer = nn.TransformerEncoderLayer(
            _WIDTH, 4, 2 * _WIDTH, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.project = nn.Linear(_WIDTH, EMBEDDING)

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids (n, 48) to embeddings (n, 128) of length one."""
        padding = (ids == self.end).cumsum(1) > 1  # the first end token is the caption's own
        x = self.layers(self.tokens(ids) + self.places, src_key_padding_mask=padding)
        kept = (~padding)[..., None].float()
        mean = (x * kept).sum(1) / kept.sum(1)
        return F.normalize(self.project(mean), dim=1)
