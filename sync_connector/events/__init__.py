"""What comes back: the receiver and its inbox, and how a raw callback becomes an event.

Law: stored first, acknowledged then, understood later. A callback that was answered with 200 is on disk.
"""
