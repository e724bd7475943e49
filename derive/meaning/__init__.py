"""Statements → typed terms: names, shapes, free indices, and the candidate readings of a claim."""
