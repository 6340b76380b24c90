"""ObCLIP: private image generation with a closed candidate set and a split diffusion.

The parties are packages: ``privacy`` and ``client`` run on the device, ``cloud`` and ``server``
in the data centre, ``protocol`` and ``diffusion`` are shared and know neither.
"""

__version__ = "0.1.0"
