"""Makes the weights that ship with the package; never imported by it."""
