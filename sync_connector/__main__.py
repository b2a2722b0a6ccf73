"""`python -m sync_connector` is the command line."""

from sync_connector.cli import main

main()
