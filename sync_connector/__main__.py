"""The way in: `sync-connector` and `python -m sync_connector` are the command line."""

from __future__ import annotations

import gc


def main() -> None:
    """Run the command line."""
    # Starting is a part of every night. Left alone, the collector spends a quarter of it looking through modules and
    # classes that live for ever, and later through rows that a chunk frees by itself.
    gc.set_threshold(200_000, 20, 50)
    from sync_connector.cli import cli

    cli(prog_name="sync-connector")


if __name__ == "__main__":
    main()
