"""Loads a model (folder, hub id or single file) part by part, the same way for every pair.

Parts are loaded on their own rather than through a pipeline class: a cloud needs no decoder, a
device that only finishes needs no second text encoder, and a start takes seconds less.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from obclip.diffusion.folder import Layout, latent_factor, layout, read_json
from obclip.diffusion.pairs import Pair, Source
from obclip.errors import ModelError
from obclip.protocol.schedule import NoiseSchedule

_FAMILIES = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything one model consists of. ``vae`` is None where none was asked for.

    ``zeros_when_empty``: SDXL's unconditional pass takes zeros, not the encoding of "".
    """

    location: str
    family: str
    unet: Any
    text_encoders: tuple[Any, ...]
    tokenizers: tuple[Any, ...]
    vae: Any
    vae_config: dict[str, Any]
    scheduler_config: dict[str, Any]
    zeros_when_empty: bool = False

    @property
    def schedule(self) -> NoiseSchedule:
        return NoiseSchedule.of(self.scheduler_config)

    @property
    def latent_channels(self) -> int:
        return int(self.unet.config.in_channels)

    @property
    def latent_factor(self) -> int:
        """Pixels to a latent cell, along one side."""
        return latent_factor(self.vae_config)

    @property
    def size_step(self) -> int:
        """Pixels: every side of a picture is a multiple of this."""
        return self.latent_factor * int(2 ** (len(self.unet.config.block_out_channels) - 1))

    @property
    def scaling_factor(self) -> float:
        return float(self.vae_config.get("scaling_factor", 0.18215))

    @property
    def side(self) -> int:
        """Native picture side in pixels."""
        return int(self.unet.config.sample_size) * self.latent_factor


def load(
    source: Source, *, dtype: torch.dtype = torch.float32, device: str = "cpu", vae: bool = True
) -> Parts:
    """Loads one model.

    Raises:
        ModelError: missing, of an unknown family, or broken.
    """
    places = layout(source)
    index = read_json(places.root / "model_index.json")
    family = str(index.get("_class_name"))
    if family not in _FAMILIES:
        raise ModelError(
            "unknown model family", code="bad_model", got=family, expected=" or ".join(_FAMILIES)
        )
    try:
        parts = _load(places, index, source.location, dtype, device, vae)
        _change(parts, source)
    except ModelError:
        raise
    except Exception as error:  # broken files fail in many ways inside the loaders
        raise ModelError(
            "the model could not be loaded", code="bad_model",
            got=f"{type(error).__name__} in {source.location}: {str(error)[:200]}",
            action="check the folder against `obclip models check`",
        ) from error  # fmt: skip
    return parts


def _load(
    places: Layout,
    index: dict[str, Any],
    location: str,
    dtype: torch.dtype,
    device: str,
    vae: bool,
) -> Parts:
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

    quiet()
    folder, whole = places.root, None
    if places.file is not None:
        from obclip.diffusion.single_file import SingleFile

        whole = SingleFile(places.file, folder, dtype)

    def ready(kind: Any, part: str) -> Any:
        if whole is not None and whole.has(part):
            model = whole.load(kind, part)
        else:
            place = places.unet if part == "unet" else folder / part
            model = kind.from_pretrained(place, dtype=dtype, use_safetensors=True)
        return model.to(device).eval().requires_grad_(False)

    unet = ready(UNet2DConditionModel, "unet")
    encoders = [ready(CLIPTextModel, "text_encoder")]
    tokenizers = [CLIPTokenizer.from_pretrained(folder / "tokenizer")]
    family = str(index["_class_name"])
    xl = family == "StableDiffusionXLPipeline"
    if xl:
        encoders.append(ready(CLIPTextModelWithProjection, "text_encoder_2"))
        tokenizers.append(CLIPTokenizer.from_pretrained(folder / "tokenizer_2"))
    vae_config = read_json(folder / "vae" / "config.json")
    return Parts(
        location=location,
        family=family,
        unet=unet,
        text_encoders=tuple(encoders),
        tokenizers=tuple(tokenizers),
        vae=ready(_vae_class(vae_config), "vae") if vae else None,
        vae_config=vae_config,
        scheduler_config=read_json(folder / "scheduler" / "scheduler_config.json"),
        zeros_when_empty=xl and bool(index.get("force_zeros_for_empty_prompt", True)),
    )


def _change(parts: Parts, source: Source) -> None:
    """Folds in what the source adds to the weights: LoRAs, a guidance weight taken as input."""
    if source.loras:
        from obclip.diffusion.lora import fold

        names = ("text_encoder", "text_encoder_2")
        models = {"unet": parts.unet, **dict(zip(names, parts.text_encoders, strict=False))}
        for file, weight in source.loras:
            fold(Path(file).expanduser(), weight, models)
    takes_weight = getattr(parts.unet.time_embedding, "cond_proj", None) is not None
    if not takes_weight:
        if source.guidance is not None:
            raise ModelError(
                "this model takes no guidance weight", code="no_guidance",
                got=f"@guidance={source.guidance:g}", expected="nothing",
                action="leave it out; the guidance scale is --guidance",
            )  # fmt: skip
        return
    if source.guidance is None:
        raise ModelError(
            "this model takes its guidance weight as an input", code="no_guidance",
            got="none", expected="the weight it is to be used with",
            action="say CLOUD@guidance=8, and its steps as @lcm=8/4",
        )  # fmt: skip
    fold_guidance(parts.unet, source.guidance)


def check_distilled(parts: Parts, pair: Pair) -> None:
    """Raises ModelError for a distilled cloud that the pair takes for an ordinary one."""
    takes_weight = getattr(parts.unet.time_embedding, "cond_proj", None) is not None
    if takes_weight and pair.cloud_steps is None:
        raise ModelError(
            "this cloud was distilled to steps of its own", code="no_steps", got="none",
            expected="how many it takes", action="say them, as CLOUD@guidance=8@lcm=8/4,DEVICE",
        )  # fmt: skip


@torch.no_grad()
def fold_guidance(unet: Any, weight: float) -> None:
    """Makes one guidance weight part of a distilled UNet, which then needs no such input.

    The network adds a projection of the weight's embedding to that of the timestep before its
    first layer, so a constant weight is a constant of that layer: the same numbers come out
    (latent consistency models, Luo et al. 2023, arXiv 2310.04378, section 4.2).
    """
    from diffusers.pipelines.latent_consistency_models import pipeline_latent_consistency_text2img

    embed = pipeline_latent_consistency_text2img.LatentConsistencyModelPipeline
    layers = unet.time_embedding
    width = layers.cond_proj.in_features
    row = embed.get_guidance_scale_embedding(None, torch.tensor([weight - 1.0]), width)
    shift = layers.cond_proj(row.to(layers.cond_proj.weight))[0]
    layers.linear_1.bias.add_(layers.linear_1.weight @ shift)


def _vae_class(config: dict[str, Any]) -> Any:
    from diffusers import AutoencoderKL, AutoencoderTiny

    return AutoencoderTiny if config.get("_class_name") == "AutoencoderTiny" else AutoencoderKL


def quiet() -> None:
    """Stops the loaders' own progress bars and notices: ours are enough."""
    import diffusers
    import transformers

    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
