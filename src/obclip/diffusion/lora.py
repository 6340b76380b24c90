"""LoRA: low-rank changes of weights, folded in when a model is loaded.

Folded once, they cost nothing later, and plans, hand-over and cost are those of the plain model.
Read are the spelling of diffusers and peft (``unet.down_blocks.0...lora_A.weight``) and kohya's
(``lora_unet_down_blocks_0_....lora_down.weight``); what does not fit the model is an error, never
left out in silence. A LoRA's name tells the cloud's operator something (docs/privacy.md); the set
is not changed by it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from obclip.errors import ModelError

_ENDINGS = {
    "down": (".lora_A.weight", ".lora.down.weight", ".lora_down.weight"),
    "up": (".lora_B.weight", ".lora.up.weight", ".lora_up.weight"),
    "alpha": (".alpha",),
}
#: Part of a model -> its prefix in kohya's spelling.
_KOHYA = {
    "unet": ("lora_unet_",),
    "text_encoder": ("lora_te_text_model_", "lora_te1_text_model_"),
    "text_encoder_2": ("lora_te2_text_model_",),
}


def fold(file: Path, weight: float, models: dict[str, nn.Module]) -> int:
    """Adds ``weight`` times the file's changes to the models' weights, in place.

    Args:
        models: by part: ``unet``, ``text_encoder``, ``text_encoder_2``.

    Returns:
        How many layers were changed.

    Raises:
        ModelError: unreadable, no LoRA, or made for another model.
    """
    layers: dict[str, dict[str, Tensor]] = {}
    for key, value in _read(file).items():
        ends = [(k, e) for k, endings in _ENDINGS.items() for e in endings if key.endswith(e)]
        if not ends:
            raise _bad(file, f"something else than a low-rank change ({key[-40:]})")
        layers.setdefault(key.removesuffix(ends[0][1]), {})[ends[0][0]] = value
    known = _names(models)
    for name, found in layers.items():
        if name not in known or not {"down", "up"} <= set(found):
            raise _bad(file, f"no such layer, or half of one: {name[:80]}")
        _add(file, name, known[name], found, weight)
    if not layers:
        raise _bad(file, "nothing")
    return len(layers)


def _names(models: dict[str, nn.Module]) -> dict[str, Any]:
    """Every spelling of every layer that has a weight."""
    out: dict[str, Any] = {}
    for part, model in models.items():
        for path, layer in model.named_modules():
            if getattr(layer, "weight", None) is None:
                continue
            bare = path.removeprefix("text_model.")
            out[f"{part}.{path}"] = out[f"{part}.{bare}"] = layer
            if part != "unet":
                out[f"{part}.text_model.{bare}"] = layer
            for prefix in _KOHYA[part]:
                out[prefix + bare.replace(".", "_")] = layer
    return out


@torch.no_grad()
def _add(file: Path, name: str, layer: Any, found: dict[str, Tensor], weight: float) -> None:
    down, up = found["down"], found["up"]
    rank = down.shape[0]
    if up.flatten(1).shape[1] != rank:
        raise _bad(file, f"two ranks at {name[:80]}")
    change = up.flatten(1).float() @ down.flatten(1).float()
    target: Tensor = layer.weight
    if change.shape != target.flatten(1).shape:
        raise _bad(file, f"another shape at {name[:80]}")
    scale = weight * (float(found["alpha"]) / rank if "alpha" in found else 1.0)
    target.add_((scale * change).reshape(target.shape).to(target))


def _read(file: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    if file.suffix != ".safetensors" or not file.is_file():
        raise ModelError(
            "no LoRA there", code="no_model", got=str(file), expected="a .safetensors file"
        )
    try:
        tensors: dict[str, Tensor] = load_file(file)
    except Exception as error:  # damaged files fail in many ways
        raise _bad(file, type(error).__name__) from None
    return tensors


def _bad(file: Path, got: str) -> ModelError:
    return ModelError(
        "the LoRA does not fit the model", code="bad_lora", got=f"{got} in {file.name}",
        expected="low-rank changes of layers that the model has",
        action="use one made for this family of models",
    )  # fmt: skip
