"""Derivations as documents: package data, read by name."""
