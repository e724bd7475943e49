"""A NumPy-style function → a document: traced with symbolic sizes, never executed as text."""
