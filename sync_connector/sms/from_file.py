"""Messages from a file: a row is a message, or the fields of one.

Law: the file is read by the sources that read contacts, so that whatever delimiter, encoding or workbook it is, every row of it
is either a draft or set aside with its line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sync_connector import mapping, sources
from sync_connector.config import Source
from sync_connector.errors import FixSetup
from sync_connector.model import FOOTER, Place
from sync_connector.sms.draft import Draft, digest, fields_of, named

KINDS = ("csv", "excel")
COLUMNS: dict[str, list[str]] = {
    "number": [
        "phone_number", "phonenumber", "phone", "mobile", "mobile phone", "mobile number", "number", "recipient", "to", "msisdn",
        "telephone", "téléphone", "téléphone portable", "tél. mobile", "tel", "tél", "tél.", "portable", "numéro",
        "numéro de téléphone", "destinataire",
    ],
    "text": ["message", "text", "sms text", "body", "texte", "contenu"],
    "url": ["url", "link", "lien"],
    "at": ["date_to_send", "send at", "at", "date d'envoi", "date envoi", "envoyer le"],
    "priority": ["priority", "priorite", "priorité"],
    "identity": ["id", "message id", "identifiant", "reference", "référence"],
    "country": ["country_code", "country", "pays", "code pays"],
}  # fmt: skip
"""The names by which a column goes; case, blanks and underscores do not matter."""


class MessageFile(NamedTuple):
    """A file of messages: its columns by role (`""`: none), the fields that a template may name, the names that several columns
    share, and what was found out."""

    source: sources.RowSource
    columns: dict[str, str]
    fields: dict[str, str]
    shared: dict[str, list[str]]
    described: tuple[str, ...]

    def drafts(self, *, with_text: bool) -> Iterator[Draft]:
        """A draft of each row, in order. `with_text`: each has its own; else they are the template's."""
        for chunk in self.source.chunks():
            headers = [str(header) for header in chunk.rows.columns]
            for piece in chunk.set_aside:
                if piece.code != FOOTER:
                    yield Draft(piece.place, "", unreadable=piece.reason)
            for line, row in zip(chunk.lines.tolist(), chunk.rows.itertuples(index=False, name=None), strict=True):
                # A missing cell is NaN or None in a frame of texts, and is a blank one here.
                cells = {header: cell if isinstance(cell, str) else "" for header, cell in zip(headers, row, strict=True)}
                yield self._draft(Place(chunk.file, line), cells, with_text=with_text)

    def _draft(self, place: Place, cells: dict[str, str], *, with_text: bool) -> Draft:
        said = {role: cells[header].strip() if header else "" for role, header in self.columns.items()}
        # How the number is written does not matter: the message is to whom it means.
        rest = {header: cell for header, cell in cells.items() if header != self.columns["number"]}
        return Draft(
            place,
            said["number"],
            country=said["country"],
            fields={name: cells[header].strip() for name, header in self.fields.items()},
            text=cells[self.columns["text"]] if with_text else None,
            url=said["url"],
            at=said["at"],
            priority=said["priority"],
            identity=named(said["identity"]) if said["identity"] else digest(rest),
        )


def open_file(path: str, *, with_text: bool) -> MessageFile:
    """Look at a CSV or a workbook. `with_text`: its rows must have a text of their own. Raises `FixSetup`, `TryLater`."""
    kind = sources.kind_of(path)
    if kind not in KINDS:
        raise FixSetup(f"{path}: it is a file of another kind ({kind}); messages are read from CSV and from workbooks")
    source = sources.open_source(Source(type=kind, path=path))
    headers = list(source.headers())
    known = mapping.by_folded_name(headers)
    columns = {role: mapping.find(names, known) or "" for role, names in COLUMNS.items()}
    needed = ["number", "text"] if with_text else ["number"]
    faults = [
        f"{path}: no column for the {role}: none of {mapping.either(COLUMNS[role])} is among its headers"
        for role in needed
        if not columns[role]
    ]
    if faults:
        shown = ", ".join(repr(header) for header in headers[:40])
        template = "" if columns["text"] or not columns["number"] else "; or give the text of all with --text"
        raise FixSetup(*faults, f"the headers are: {shown}{template}")
    return MessageFile(source, columns, *fields_of(headers), tuple(source.describe()))
