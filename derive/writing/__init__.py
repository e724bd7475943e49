"""Syntax to text: LaTeX, MathML, and Unicode in one line or in two dimensions."""
