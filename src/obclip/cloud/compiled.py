"""torch.compile, layer by layer, where an operator asks for it: it pays on CUDA only.

Residual blocks and feed-forward layers are compiled each by itself, where element-wise work can be
fused. Whole passes differ by kind and would be compiled anew for each; attention is one kernel
already, and what it remembers (``attention.Memory``) stays out of compiled code.
"""

from __future__ import annotations

from typing import Any

#: Compiled forms that one layer may have.
LAYOUTS = 4


def compile_layers(unet: Any, *, backend: str = "inductor") -> int:
    """Compiles a UNet's layers in place, for any number of rows; returns how many.

    The first calls of each size are slow. Results change in the last digits.
    """
    from torch._dynamo import config as dynamo

    layers = [m for m in unet.modules() if type(m).__name__ in ("ResnetBlock2D", "FeedForward")]
    # layers of a class share one forward, and torch compiles one forward for eight kinds of input
    # at most before it leaves the rest as they are; shapes and memory layouts make more of them
    dynamo.recompile_limit = max(dynamo.recompile_limit, LAYOUTS * len(layers))
    dynamo.accumulated_recompile_limit = max(
        dynamo.accumulated_recompile_limit, LAYOUTS * len(layers)
    )
    for layer in layers:
        layer.compile(backend=backend, dynamic=True)
    return len(layers)
