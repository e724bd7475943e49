"""Verdicts for people and for tools: terminal, LaTeX, notebook, JSON."""
