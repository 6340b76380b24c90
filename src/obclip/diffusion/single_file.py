"""Weights that come as one ``.safetensors``: the way most people keep a Stable Diffusion model.

Only weights are taken from the file; configs and tokenizers come from a base folder of the same
architecture, so nothing is guessed and nothing is downloaded. diffusers translates the names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from obclip.errors import ModelError

#: Beginnings of the keys that show that a part is in the file, in either spelling.
_MARKS = {
    "unet": ("model.diffusion_model.", "conv_in.", "down_blocks."),
    "vae": ("first_stage_model.", "decoder."),
    "text_encoder": ("cond_stage_model.", "conditioner.embedders.0.", "text_model."),
    "text_encoder_2": ("conditioner.embedders.1.",),
}


class SingleFile:
    """One file's weights, read once for all parts."""

    def __init__(self, file: Path, base: Path, dtype: torch.dtype) -> None:
        from safetensors.torch import load_file

        self.file, self.base, self.dtype = file, base, dtype
        self.weights = load_file(file)
        if not any(self.has(part) for part in _MARKS):
            raise ModelError(
                "no model in that file", code="bad_model", got=file.name,
                expected="weights of a Stable Diffusion model or of its UNet",
            )  # fmt: skip

    def has(self, part: str) -> bool:
        """Whether the weights of a part are in the file."""
        return any(key.startswith(_MARKS[part]) for key in self.weights)

    def load(self, kind: Any, part: str) -> Any:
        """A part with the file's weights and the base's config.

        Raises:
            ModelError: the file is of another architecture than the base.
        """
        if part.startswith("text_encoder"):
            model = self._text(kind, part)
        else:
            model = kind.from_single_file(
                str(self.file), config=str(self.base), subfolder=part, local_files_only=True
            )
        self._check(model, kind, part)
        return model.to(self.dtype)

    def _text(self, kind: Any, part: str) -> Any:
        from diffusers.loaders import single_file_utils as utils

        checkpoint = dict(self.weights)
        return utils.create_diffusers_clip_model_from_ldm(
            kind, checkpoint, subfolder=part, config=str(self.base),
            torch_dtype=self.dtype, local_files_only=True,
        )  # fmt: skip

    def _check(self, model: Any, kind: Any, part: str) -> None:
        """No weight may be left as it was drawn at random."""
        stray = [name for name, p in model.named_parameters() if p.device.type == "meta"]
        if part in ("unet", "vae"):  # their weights stand one for one in every layout
            told = sum(key.startswith(_MARKS[part][0]) for key in self.weights) or len(self.weights)
            stray = stray or [name for name, _ in model.named_parameters()][told:]
        if stray:
            raise ModelError(
                "the file lacks weights", code="bad_model",
                got=f"{len(stray)} of {part} missing, such as {stray[0][:60]}",
                expected=f"all weights of a {kind.__name__} as the base has it",
            )  # fmt: skip
