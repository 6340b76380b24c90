"""Stage 4: the text encoder learns to read, before any picture is drawn.

Trained jointly with a UNet from nothing, the encoder told a woman from a man only after an hour:
the picture's error is a weak teacher of words. Reading captions for what they say takes minutes,
since no picture is involved, and sees a hundred times more wordings. It is frozen afterwards.
"""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path
from random import Random

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from training.mini import checkpoint, tokenizer
from training.mini.captions import BACKGROUNDS, NOTHING, Said, caption_and_said
from training.mini.catalogue import AGES, CONCEPTS, GENDERS, STYLES, TONES, Item

WIDTH = 192
BATCH = 64
_FACTORS: dict[str, tuple[str, ...]] = {
    "style": tuple(STYLES),
    "concept": tuple(c.key for c in CONCEPTS),
    "gender": GENDERS,
    "age": AGES,
    "tone": TONES,
    "background": tuple(BACKGROUNDS),
}


def encoder(vocabulary: int, end: int) -> CLIPTextModel:
    """A fresh CLIP text encoder: three layers of width 192, 48 tokens."""
    config = CLIPTextConfig(
        vocab_size=vocabulary, hidden_size=WIDTH, intermediate_size=4 * WIDTH,
        num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=tokenizer.MAX_LENGTH,
        projection_dim=WIDTH, bos_token_id=end - 1, eos_token_id=end, pad_token_id=end,
    )  # fmt: skip
    return CLIPTextModel(config)


class Reader(nn.Module):
    """One linear head a factor; the last class of each means: not told."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(WIDTH, len(v) + 1) for v in _FACTORS.values())

    def forward(self, states: Tensor) -> list[Tensor]:
        return [head(states) for head in self.heads]


def classes(said: Said) -> list[int]:
    """Class numbers of a caption, in the order of the heads."""
    return [
        len(values) if value is None else values.index(value)
        for value, values in zip(astuple(said), _FACTORS.values(), strict=True)
    ]


def tokens(words: CLIPTokenizer, texts: list[str]) -> Tensor:
    """``(n, 48)`` token ids, padded."""
    ids: Tensor = words(
        texts, padding="max_length", truncation=True, max_length=tokenizer.MAX_LENGTH,
        return_tensors="pt",
    ).input_ids  # fmt: skip
    return ids


def loss_of(
    reader: Reader, states: Tensor, ids: Tensor, end: int, labels: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy over the heads, read at the first end token and at the paddings' mean.

    Returns it with the share of right answers of each head at the end token.
    """
    rows = torch.arange(len(ids))
    pad = (ids == end).float()
    first = (ids == end).int().argmax(1)
    at_end = states[rows, first]
    at_pads = (states * pad[..., None]).sum(1) / pad.sum(1, keepdim=True)
    total = torch.zeros(())
    right = []
    for column, (a, b) in enumerate(zip(reader(at_end), reader(at_pads), strict=True)):
        wanted = labels[:, column]
        total = total + F.cross_entropy(a, wanted) + F.cross_entropy(b, wanted)
        right.append((a.argmax(1) == wanted).float().mean())
    return total / (2 * len(right)), torch.stack(right).detach()


def train(work: Path, items: list[Item], *, minutes: float, seed: int = 2) -> None:
    """Trains for ``minutes`` of wall clock in all; writes ``work/text.pt`` (resumable).

    Captions of held-out combinations are left out, as their pictures are.
    """
    torch.manual_seed(seed)
    words = tokenizer.load(work / "tokenizer")
    end = int(words.eos_token_id)
    text, reader = encoder(len(words), end), Reader()
    parameters = [*text.parameters(), *reader.parameters()]
    optimiser = torch.optim.AdamW(
        parameters, lr=1e-3, betas=(0.9, 0.99), weight_decay=0.01, fused=True
    )
    clock = checkpoint.Clock(work / "text.pt", minutes * 60)
    clock.resume({"text": text, "reader": reader, "optimiser": optimiser})
    rng = Random(seed + clock.step)
    seen = [item for item in items if not item.held_out]
    names = list(BACKGROUNDS)
    average = np.zeros(len(_FACTORS))
    while not clock.finished:
        for group in optimiser.param_groups:
            group["lr"] = 1e-3 * min(1.0, (clock.step + 1) / 50) * max(0.05, 1 - clock.share)
        texts, labels = [], []
        for item in rng.choices(seen, k=BATCH):
            told, said = caption_and_said(
                item.style, item.concept, item.gender, item.age, item.tone, rng.choice(names), rng
            )
            if rng.random() < 0.03:
                told, said = "", NOTHING
            texts.append(told)
            labels.append(classes(said))
        ids = tokens(words, texts)
        loss, right = loss_of(reader, text(ids).last_hidden_state, ids, end, torch.tensor(labels))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        average = right.numpy() if clock.step == 0 else 0.98 * average + 0.02 * right.numpy()
        clock.tick()
        if clock.step % 100 == 0:
            shown = " ".join(f"{n} {v:.3f}" for n, v in zip(_FACTORS, average, strict=True))
            clock.log(f"loss {float(loss.detach()):.4f} {shown}")
        clock.maybe_save()
    clock.save()


def load(work: Path) -> tuple[CLIPTextModel, CLIPTokenizer]:
    """The trained encoder, frozen, and its tokenizer."""
    words = tokenizer.load(work / "tokenizer")
    text = encoder(len(words), int(words.eos_token_id))
    text.load_state_dict(torch.load(work / "text.pt", weights_only=True)["text"])
    return text.eval().requires_grad_(False), words
