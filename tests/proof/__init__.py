"""The proof of "nothing lost, nothing wrongly called done": any edits, any faults, any deaths, held against an oracle.

`oracle` says what the vendor holds and what the CRM wants there; `wire` is what may happen to a request; `company` is a CRM, a
ledger and a vendor, and the processes that work on them; `machine` does anything to it in any order; `mutations` breaks the
product on purpose, so that it is seen that the machine sees it. `python -m tests.proof` runs them for as long as you like.
"""
