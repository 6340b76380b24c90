"""Comparing methods: baselines, quality, cost, attacks.

Imports both parties; neither imports it.
"""
