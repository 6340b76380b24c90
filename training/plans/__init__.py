"""Measures plans: quality against ``exact`` on whole sets, wall clock, and pictures of failures."""
