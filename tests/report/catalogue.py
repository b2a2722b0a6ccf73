"""The messages of a page, as they stand in its code, its templates and the catalogue of rules, beside their French.

    python -m tests.report.catalogue

writes `fr.po` anew after sentences were changed: what is new stands there without its French, what is gone is left out.
"""

from __future__ import annotations

from pathlib import Path

from babel.messages import Catalog, pofile
from babel.messages.extract import extract_from_dir

from sync_connector.rules import CATALOGUE

REPORT = Path(__file__).parents[2] / "sync_connector" / "report"
FRENCH = REPORT / "locale" / "fr.po"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
OPTIONS = {"templates/**.html": {"extensions": "jinja2.ext.i18n", "silent": "false"}}
REASONS = ("the contact left the CRM", "the contact changed its number")
"""Why a number is stale at the vendor, as the ledger says it."""


def extracted() -> Catalog:
    """Every message that the code and the templates have, and what reaches them as data."""
    catalog = Catalog()
    for _, _, message, _, context in extract_from_dir(REPORT, method_map=METHODS, options_map=OPTIONS):
        catalog.add(message, context=context)
    for message in (*(text for one in CATALOGUE.values() for text in (one.title, one.advice)), *REASONS):
        catalog.add(message)
    return catalog


def french() -> Catalog:
    """The French catalogue as it is committed."""
    with open(FRENCH, "rb") as file:
        return pofile.read_po(file, locale="fr", abort_invalid=True)


def main() -> None:
    """Write the French catalogue with the messages that there are now, in the order of the code."""
    now, before = extracted(), french()
    for message in now:
        if message.id and (known := before.get(message.id, message.context)):
            message.string = known.string
    now.locale = before.locale
    now.creation_date = now.revision_date = before.creation_date
    now.project, now.version, now.language_team, now.last_translator = before.project, before.version, "French", ""
    now.msgid_bugs_address, now.header_comment, now.fuzzy = "", before.header_comment, False
    with open(FRENCH, "wb") as file:
        pofile.write_po(file, now, width=120, no_location=True)


if __name__ == "__main__":
    main()
