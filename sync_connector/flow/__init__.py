"""The stages that a contact passes on its way out: extract · sieve · normalize · resolve · diff · load.

Law: no stage knows another (load may use pace); the pipeline leads from one to the next. Columns until the sieve,
records after it.
"""
