"""Closed form → code, and the cross-check of that code."""
