"""The data centre's HTTP side: receives sets, runs plans, answers with latents. Never a prompt
in anything it writes.
"""
