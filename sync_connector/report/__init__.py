"""Counts and samples → what people see, on a terminal or on a page. Nothing here counts; nothing here prints by itself."""
