"""Counts and samples → what people see on a terminal. Nothing here computes; nothing here prints by itself."""
