"""Messages out: what they say, when they may reach somebody, what they cost, and what became of them.

Law: an SMS cannot be taken back. All that can be known of a message is known before it is sent, and no message is sent twice
by itself.
"""
