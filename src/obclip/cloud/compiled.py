"""torch.compile, layer by layer, where an operator asks for it: it pays on CUDA only.

Residual blocks and feed-forward layers are compiled each by itself, where element-wise work can be
fused. Whole passes differ by kind and would be compiled anew for each; attention is one kernel
already, and what it remembers (``attention.Memory``) stays out of compiled code.
"""

from __future__ import annotations

from typing import Any


def compile_layers(unet: Any, *, backend: str = "inductor") -> int:
    """Compiles a UNet's layers in place, for any number of rows; returns how many.

    The first calls of each size are slow. Results change in the last digits.
    """
    count = 0
    for layer in unet.modules():
        if type(layer).__name__ in ("ResnetBlock2D", "FeedForward"):
            layer.compile(backend=backend, dynamic=True)
            count += 1
    return count
