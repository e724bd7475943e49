"""Definitions → gradient: adjoints, lemmas, and a closed form fit for a kernel."""
