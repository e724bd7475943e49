"""Claim → verdict."""
