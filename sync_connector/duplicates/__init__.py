"""Likely duplicates: the same person twice under two keys, with different numbers or without one.

Law: pure, and a function of the set of contacts: the order of the rows changes nothing, and work and memory grow with the
number of contacts, whatever they hold. A false alarm costs more than a miss, so a name alone is never enough.

Own blocking and RapidFuzz rather than Splink 5: on the same labelled people it was more precise, and it weighs 12 MB
instead of 84, needs no training on each source, and says why in words (`bench/duplicates.py --splink` measures both).
"""

from __future__ import annotations

from sync_connector.duplicates.find import THRESHOLD, Duplicate, Search, find
from sync_connector.duplicates.weigh import Why

__all__ = ["THRESHOLD", "Duplicate", "Search", "Why", "find"]
