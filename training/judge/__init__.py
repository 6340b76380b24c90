"""The judge of the mini world: trained on real renderings, apart from the generators."""
