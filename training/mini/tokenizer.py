"""Stage 3: a byte-level BPE in CLIP's own format, so that ``CLIPTokenizer`` loads it.

Caption words become single tokens; any other text still has a spelling, byte by byte.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from training.mini.captions import BACKGROUNDS, caption
from training.mini.catalogue import Item

START, END = "<|startoftext|>", "<|endoftext|>"
VOCABULARY = 1400
MAX_LENGTH = 48
#: Words of everyday prompts that no caption holds; seen often enough to become tokens.
_EVERYDAY = (
    "the of and to with at by from for under over behind near next two three four big small "
    "long short red green blue dress shirt jacket hat glasses book phone car bike tree house "
    "street park beach sea mountain forest sky sun moon night day summer winter photo painting "
    "drawing sketch portrait sitting standing walking running eating drinking reading wearing "
    "holding playing working sleeping cat dog horse bird coffee table chair window door christian "
    "muslim jewish hindu buddhist blind african asian indian european caucasian american chinese "
    "young middle aged elderly teenage friendly serious angry beautiful handsome face eyes hair"
)


def train(items: list[Item], folder: Path, *, captions: int = 20_000, seed: int = 0) -> None:
    """Learns merges from sampled captions and writes the tokenizer's files to ``folder``."""
    rng = Random(seed)
    names = list(BACKGROUNDS)

    def corpus() -> list[str]:
        texts = [_EVERYDAY] * 50
        for _ in range(captions):
            i = rng.choice(items)
            texts.append(
                caption(i.style, i.concept, i.gender, i.age, i.tone, rng.choice(names), rng)
            )
        return texts

    bpe = Tokenizer(models.BPE(continuing_subword_prefix="", end_of_word_suffix="</w>"))
    bpe.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    pieces = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pieces), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, initial_alphabet=alphabet, end_of_word_suffix="</w>",
        special_tokens=[], show_progress=False, min_frequency=5,
    )  # fmt: skip
    bpe.train_from_iterator(corpus(), trainer)
    learnt = json.loads(bpe.to_str())["model"]
    merges = [tuple(m) for m in learnt["merges"]]
    symbols = [
        *alphabet,
        *(a + "</w>" for a in alphabet),
        *("".join(m) for m in merges),
        START,
        END,
    ]
    vocab = {symbol: n for n, symbol in enumerate(dict.fromkeys(symbols))}
    tokenizer = CLIPTokenizer(
        vocab=vocab, merges=merges, unk_token=END, bos_token=START, eos_token=END, pad_token=END,
        model_max_length=MAX_LENGTH,
    )  # fmt: skip
    tokenizer.save_pretrained(folder)


def load(folder: Path) -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(folder)
