"""Text → statements: find the mathematics of a document and parse it as it was written."""
