"""The bundled judge: attributes of pictures of the mini world, features, captions that fit.

Trained on real renderings alone, never on a generated picture (``training/judge``), with a split of
its own. It knows the mini world and nothing else; it is not a judge of photographs. Gender is
judged between woman and man: renderings that show neither taught it nothing about gender, and a
prompt that asks for neither is not judged on it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 the usual name

from obclip.errors import ModelError
from obclip.evaluation.reader import EMBEDDING, TextTower, Words

FOLDER = Path(__file__).resolve().parent.parent / "models" / "judge"
SIDE = 128
FEATURES = 256


class _Block(nn.Module):
    """Residual block: two 3x3 convolutions with group norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1),
            nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


class Trunk(nn.Module):
    """Pictures (n, 3, 128, 128) in [-1, 1] to features (n, 256)."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, 32, 4, stride=4)]  # 32 x 32
        for before, after in ((32, 64), (64, 128), (128, FEATURES)):
            layers += [nn.Conv2d(before, after, 3, padding=1, stride=1 if before == 32 else 2)]
            layers += [_Block(after)]
        self.layers = nn.Sequential(*layers, nn.GroupNorm(8, FEATURES), nn.SiLU())
        self.project = nn.Linear(FEATURES * 2, FEATURES)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.layers(x)
        pooled = torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1)
        features: Tensor = self.project(pooled)
        return features


class JudgeNet(nn.Module):
    """The trunk, one linear head for each attribute, and the two towers of an image-text model."""

    def __init__(self, classes: dict[str, tuple[str, ...]], vocabulary: int) -> None:
        super().__init__()
        self.classes = classes
        self.trunk = Trunk()
        self.heads = nn.ModuleDict({k: nn.Linear(FEATURES, len(v)) for k, v in classes.items()})
        self.to_text = nn.Linear(FEATURES, EMBEDDING)
        self.text = TextTower(vocabulary)
        self.scale = nn.Parameter(torch.tensor(2.66))  # exp gives CLIP's initial 1 / 0.07

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Features (n, 256), logits by attribute, image embeddings (n, 128) of length one."""
        features = self.trunk(x)
        hidden = F.silu(features)
        logits = {name: head(hidden) for name, head in self.heads.items()}
        return features, logits, F.normalize(self.to_text(hidden), dim=1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judge sees in a batch.

    ``features`` (n, 256), ``embeddings`` (n, 128) of length one, class probabilities by attribute.
    """

    features: Tensor
    embeddings: Tensor
    probabilities: dict[str, Tensor]
    classes: dict[str, tuple[str, ...]]

    def values(self, attribute: str) -> list[str]:
        """The likeliest value of an attribute, picture by picture."""
        names = self.classes[attribute]
        return [names[i] for i in self.probabilities[attribute].argmax(1).tolist()]


class Judge:
    """The trained judge. ``temperatures`` calibrate each head on held-out renderings."""

    def __init__(self, net: JudgeNet, temperatures: dict[str, float], words: Words) -> None:
        self.net = net.eval().requires_grad_(False)
        self.temperatures, self.words = temperatures, words

    @staticmethod
    def load(folder: Path = FOLDER) -> Judge:
        """Reads ``judge.json`` and ``judge.safetensors``.

        Raises:
            ModelError: not there, or not a judge.
        """
        from safetensors.torch import load_file

        try:
            config = json.loads((folder / "judge.json").read_text("utf-8"))
            words = Words.load(folder / "tokenizer")
            classes = {name: tuple(values) for name, values in config["classes"].items()}
            net = JudgeNet(classes, words.vocabulary)
            weights = load_file(folder / "judge.safetensors")
            net.load_state_dict({name: value.float() for name, value in weights.items()})
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ModelError(
                "no judge there", code="no_judge", got=f"{folder} ({type(error).__name__})",
                expected="judge.json and judge.safetensors", action="make it with training/judge",
            ) from None  # fmt: skip
        return Judge(net, dict(config["temperatures"]), words)

    @staticmethod
    def real_features(folder: Path = FOLDER) -> Tensor:
        """Features (m, 256) of all real renderings, each on one background: what KID compares with.

        Raises:
            ModelError: not there.
        """
        from safetensors.torch import load_file

        try:
            features: Tensor = load_file(folder / "real.safetensors")["features"].float()
        except (OSError, KeyError) as error:
            raise ModelError(
                "no features of real renderings", code="no_judge",
                got=f"{folder} ({type(error).__name__})", expected="real.safetensors",
                action="make it with training/judge",
            ) from None  # fmt: skip
        return features

    @torch.inference_mode()
    def __call__(self, pictures: Tensor, *, batch: int = 64) -> Verdict:
        """Judges uint8 pictures (n, 3, 128, 128).

        Raises:
            ModelError: another shape or type.
        """
        if pictures.dtype != torch.uint8 or pictures.shape[1:] != (3, SIDE, SIDE):
            raise ModelError(
                "the judge cannot read these pictures", code="bad_pictures",
                got=f"{pictures.dtype} {tuple(pictures.shape)}",
                expected=f"uint8 (n, 3, {SIDE}, {SIDE})",
            )  # fmt: skip
        features, logits, embeddings = [], [], []
        for chunk in torch.split(pictures, batch):
            f, heads, e = self.net(chunk.float() / 127.5 - 1)
            features.append(f)
            logits.append(heads)
            embeddings.append(e)
        probabilities = {
            name: (torch.cat([row[name] for row in logits]) / self.temperatures[name]).softmax(1)
            for name in self.net.classes
        }
        return Verdict(torch.cat(features), torch.cat(embeddings), probabilities, self.net.classes)

    @torch.inference_mode()
    def caption_scores(self, verdict: Verdict, captions: list[str]) -> Tensor:
        """Cosine (n,) of each picture with its caption, as CLIPScore takes it (Hessel et al. 2021).

        In this judge's own space: no other image-text model's scores compare with it.

        Raises:
            ModelError: not as many captions as pictures.
        """
        if len(captions) != len(verdict.embeddings):
            raise ModelError(
                "captions and pictures differ", code="bad_captions", got=len(captions),
                expected=f"one a picture ({len(verdict.embeddings)})",
            )  # fmt: skip
        read = self.net.text(self.words.tokens(captions))
        scores: Tensor = (read * verdict.embeddings).sum(1)
        return scores
