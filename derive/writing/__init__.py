"""Syntax → text: print a syntax tree in the author's order and spelling."""
