"""The first judge's engine: index expressions in SymPy, their derivatives and their normal form."""
