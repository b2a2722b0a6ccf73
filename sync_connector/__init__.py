"""Keep a company's CRM and its Ardary / inSIM mobile telephony telling the same story."""

__version__ = "0.1.0"
