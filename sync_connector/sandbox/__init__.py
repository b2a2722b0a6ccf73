"""The vendor, make-believe, on this machine: both generations of the API as the contract has them (ASGI).

Law: it judges with the real rules and knows nothing of our own normalizing, so that it is an independent check of what
we send.
"""
