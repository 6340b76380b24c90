"""Harnesses that break and load the service: fault proxy, randomised trials, load, a fleet."""
