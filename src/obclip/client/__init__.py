"""The device's side of the protocol: profile, transport, finishing, decoding."""
