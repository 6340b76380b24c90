"""Methods that the paper names or cites beside its own, built to be measured on this machine."""
