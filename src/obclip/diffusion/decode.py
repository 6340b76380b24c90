"""Latents to pictures, on the device."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from obclip.diffusion.loading import Parts


@torch.inference_mode()
def decode(parts: Parts, latents: Tensor) -> list[Image.Image]:
    """RGB pictures of finished latents (n, channels, h, w)."""
    vae = parts.vae
    scaled = latents.to(vae.dtype) / parts.scaling_factor + (
        parts.vae_config.get("shift_factor") or 0.0
    )
    pixels = vae.decode(scaled, return_dict=False)[0]
    pixels = (pixels.float() / 2 + 0.5).clamp(0, 1).mul(255).round().to(torch.uint8)
    return [Image.fromarray(p.permute(1, 2, 0).contiguous().cpu().numpy()) for p in pixels]
