"""The ledger: what the vendor is known to have accepted, and what is settled. The only truth about the remote side.

Law: it moves only after a per-contact verdict, in the same transaction, batch by batch; one number has one owner, and
the database itself sees to that. Every SQL statement about it is in this room. SQLite by default, PostgreSQL for teams.
"""
