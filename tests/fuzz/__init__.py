"""Fuzzing: what any bytes do to whoever reads them."""
