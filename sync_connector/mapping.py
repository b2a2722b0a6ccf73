"""How a CRM's columns become a contact: `mappings/*.toml`, data without code.

Law: a mapping only names things. Which headers it found in a given source is a `Binding`, made once a run.
"""

from __future__ import annotations

import functools
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Sequence
from importlib import resources
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from sync_connector.crm_sql import Activities, Sql
from sync_connector.errors import FixSetup
from sync_connector.faults import describe_faults


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Column = Annotated[list[str], BeforeValidator(_listed), Field(min_length=1)]
"""One column, as the list of header names it goes by. A name that ends in `*` matches by prefix."""


class Columns(BaseModel):
    """The columns of each role, most wanted first."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: list[Column] = Field(min_length=1, description="together they identify the row in the CRM")
    key_otherwise: list[Column] = Field(default=[], description="used where all of `key` are blank")
    phone: list[Column] = Field(default=[], description="in order of preference, mobile first")
    first_name: list[Column] = []
    last_name: list[Column] = []
    full_name: list[Column] = Field(default=[], description="used where first and last name are both blank")
    adress: list[Column] = Field(default=[], description="all that are filled, joined by a comma")
    adress_otherwise: list[Column] = Field(default=[], description="used where all of `adress` are blank")
    email: list[Column] = Field(default=[], description="the first that is valid")
    country: list[Column] = Field(default=[], description="the first that is understood: code, name or dialling prefix")
    postcode: list[Column] = Field(default=[], description="tells a French overseas territory from France")
    modified: list[Column] = Field(default=[], description="when the row last changed: decides `newest`")


class LabelledPhones(BaseModel):
    """Numbered pairs of columns, a label beside a number (`Phone 1 - Label`, `Phone 1 - Value`, …); `{n}` is the number."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: Column
    label: Column
    prefer: list[str] = []
    never: list[str] = []


class DeletedWhen(BaseModel):
    """A column whose value says that this row is not to be sent, and the reason under which it is counted: deleted,
    archived, disabled, private, deceased, converted, do not call, do not SMS, opted out, …"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: Column
    values: list[str] = Field(
        min_length=1,
        description='upper and lower case do not matter; "*" is any filled cell, but for those listed with a ! before them',
    )
    reason: str = "deleted"


TOMBSTONE = DeletedWhen(column=["_sdc_deleted_at"], values=["*"])
"""The column in which every Singer tap that sees deletions writes them, whatever the CRM."""

INTERNATIONAL = "+"
"""In `phone_country`: the column's numbers begin with their country's prefix, the plus sign left out (`33612345678`)."""


class Mapping(BaseModel):
    """One CRM's way of writing contacts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    crm: str
    title: str
    key_is_unique: bool = Field(
        default=True, description="false where the export has no identifier: equal keys are then numbered in order"
    )
    recognize: list[str] = Field(default=[], description="headers that are peculiar to this CRM")
    columns: Columns
    phones: LabelledPhones | None = None
    phone_country: dict[str, str] = Field(
        default={},
        description="header of a phone column → country of its numbers, where the row itself names none; "
        '"+" where they are written with their prefix but without the plus sign',
    )
    deleted: list[DeletedWhen] = []
    sql: Sql | None = None
    activities: Activities | None = None

    @model_validator(mode="after")
    def _has_phones(self) -> Self:
        if not self.columns.phone and self.phones is None:
            raise ValueError("no phone column: columns.phone or phones.value is needed")
        for header, country in self.phone_country.items():
            if country != INTERNATIONAL and not re.fullmatch("[A-Z]{2}", country):
                raise ValueError(f"phone_country: {country!r} for {header!r} is not a two-letter country code (nor a +)")
        return self


class LabelledColumn(NamedTuple):
    """A phone column as found in a source; `label` is the header of the column that says what kind it is, `country` that of
    numbers written without one, where the row names none."""

    value: str
    label: str | None
    rank: int
    country: str | None = None


class Binding(NamedTuple):
    """A mapping's columns as a source really has them: each entry is a header of that source."""

    key: tuple[str, ...]
    key_is_unique: bool
    phone: tuple[LabelledColumn, ...]
    prefer: tuple[str, ...]
    never: tuple[str, ...]
    first_name: tuple[str, ...]
    last_name: tuple[str, ...]
    full_name: tuple[str, ...]
    adress: tuple[str, ...]
    adress_otherwise: tuple[str, ...]
    email: tuple[str, ...]
    country: tuple[str, ...]
    postcode: tuple[str, ...]
    modified: tuple[str, ...]
    deleted: tuple[tuple[str, tuple[str, ...], str], ...]
    key_otherwise: tuple[str, ...] = ()
    besides: tuple[str, ...] = ()  # headers that are read though they decide nothing: a message's text may name them

    @property
    def fingerprinted(self) -> tuple[str, ...]:
        """The headers whose cells decide what is sent, in a fixed order, each once."""
        phones = [h for column in self.phone for h in (column.value, column.label) if h is not None]
        names = (self.first_name, self.last_name, self.full_name)
        roles = (*names, self.adress, self.adress_otherwise, self.email, self.country, self.postcode)
        return tuple(dict.fromkeys([*self.key, *self.key_otherwise, *phones, *(header for role in roles for header in role)]))

    @property
    def used(self) -> tuple[str, ...]:
        """All headers that are read."""
        flags = [header for header, _, _ in self.deleted]
        return tuple(dict.fromkeys([*self.fingerprinted, *self.modified, *flags, *self.besides]))


def fold(header: str) -> str:
    """A header as it is compared: without BOM, outer blanks, case; NBSP and underscore are blanks, ’ is '; NFC."""
    return " ".join(unicodedata.normalize("NFC", header).translate(_ALIKE).split()).casefold()


_ALIKE = str.maketrans({"\ufeff": "", "\u00a0": " ", "\u202f": " ", "_": " ", "\u2019": "'"})


def find(column: Sequence[str], headers: dict[str, str]) -> str | None:
    """The header that a column has in a source, the first of its names that is there. `headers`: see `by_folded_name`."""
    for alias in column:
        if alias.endswith("*"):
            prefix = fold(alias[:-1])
            hit = next((real for folded, real in headers.items() if folded.startswith(prefix)), None)
        else:
            hit = headers.get(fold(alias))
        if hit is not None:
            return hit
    return None


def _find_all(columns: Iterable[Sequence[str]], headers: dict[str, str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(hit for column in columns if (hit := find(column, headers)) is not None))


def by_folded_name(headers: Iterable[str]) -> dict[str, str]:
    """Folded name → header as it stands; of two that fold alike the first."""
    folded: dict[str, str] = {}
    for header in headers:
        if header.strip():
            folded.setdefault(fold(header), header)
    return folded


def _numbered(phones: LabelledPhones, headers: dict[str, str]) -> list[LabelledColumn]:
    either = "|".join(re.escape(fold(value)).replace(r"\{n\}", r"(\d+)") for value in phones.value)
    pattern = re.compile(either)
    found = []
    for folded, real in headers.items():
        if match := pattern.fullmatch(folded):
            number = next((group for group in match.groups() if group), "0")
            label = find([alias.replace("{n}", number) for alias in phones.label], headers)
            found.append(LabelledColumn(real, label, int(number)))
    return sorted(found, key=lambda column: column.rank)


def bind(mapping: Mapping, headers: Sequence[str]) -> Binding:
    """Find the mapping's columns among a source's headers.

    Raises `FixSetup`, every missing necessity at once, when a key column or all phone columns are missing.
    """
    known = by_folded_name(headers)
    columns = mapping.columns
    faults = [
        f"no key column in the source: none of {either(column)} is among its headers"
        for column in columns.key
        if mapping.key_is_unique and find(column, known) is None
    ]
    key = _find_all(columns.key, known)
    if not key and not mapping.key_is_unique:
        faults.append(f"no key column in the source: none of {either(list(chain(*columns.key)))} is among its headers")
    phones = [LabelledColumn(header, None, rank) for rank, header in enumerate(_find_all(columns.phone, known))]
    if mapping.phones is not None:
        phones += _numbered(mapping.phones, known)
    countries = {fold(header): country for header, country in mapping.phone_country.items()}
    phones = [column._replace(country=countries.get(fold(column.value))) for column in phones]
    if not phones:
        wanted = list(chain(*columns.phone)) or (mapping.phones.value if mapping.phones else [])
        faults.append(f"no phone column in the source (#003): none of {either(wanted)} is among its headers")
    if faults:
        shown = ", ".join(repr(header) for header in headers[:40])
        raise FixSetup(
            *faults, f"the headers are: {shown}; choose another mapping or add their names to this one ({mapping.crm})"
        )
    return Binding(
        key=key,
        key_is_unique=mapping.key_is_unique,
        phone=tuple(phones),
        prefer=tuple(fold(label) for label in (mapping.phones.prefer if mapping.phones else [])),
        never=tuple(fold(label) for label in (mapping.phones.never if mapping.phones else [])),
        first_name=_find_all(columns.first_name, known),
        last_name=_find_all(columns.last_name, known),
        full_name=_find_all(columns.full_name, known),
        adress=_find_all(columns.adress, known),
        adress_otherwise=_find_all(columns.adress_otherwise, known),
        email=_find_all(columns.email, known),
        country=_find_all(columns.country, known),
        postcode=_find_all(columns.postcode, known),
        modified=_find_all(columns.modified, known),
        deleted=tuple(
            (header, tuple(fold(value) for value in rule.values), rule.reason)
            for rule in (*mapping.deleted, TOMBSTONE)
            if (header := find(rule.column, known)) is not None
        ),
        key_otherwise=_find_all(columns.key_otherwise, known),
    )


NAMED = 8
"""As many names of a column are told; the rest are in the mapping."""


def either(names: Sequence[str]) -> str:
    """Names as a sentence lists them."""
    more = f" or {len(names) - NAMED} other names" if len(names) > NAMED + 1 else ""
    return ", ".join(repr(name) for name in names[: NAMED if more else None]) + more


def _folder() -> Path:
    """`mappings/` beside the package in a checkout, inside it in an installed copy."""
    inside = Path(str(resources.files("sync_connector"))) / "mappings"
    return inside if inside.is_dir() else inside.parent.parent / "mappings"


def _path(name_or_path: str) -> Path:
    if name_or_path.endswith(".toml"):
        return Path(name_or_path)
    if name_or_path not in names():
        raise FixSetup(f"no mapping {name_or_path!r}; shipped are: {', '.join(names())}, or give the path of a .toml")
    return _folder() / f"{name_or_path}.toml"


def names() -> list[str]:
    """The mappings that are shipped."""
    return sorted(path.stem for path in _folder().glob("*.toml"))


def shown(name_or_path: str) -> dict[str, Any]:
    """A mapping as one object, for people. Raises `FixSetup`."""
    mapping = load(name_or_path)
    columns = {role: names for role, names in mapping.columns.model_dump().items() if names}
    if mapping.phones is not None:
        columns["phone"] = [*columns.get("phone", []), [*mapping.phones.value, *mapping.phones.label]]
    sql = mapping.sql
    return {
        "name": name_or_path,
        "crm": mapping.crm,
        "title": mapping.title,
        "file": str(_path(name_or_path)),
        "columns": columns,
        "leaves_out": list(dict.fromkeys(rule.reason for rule in mapping.deleted)),
        "leaves_out_when": [f"{rule.reason}: {' | '.join(rule.column)} is {' | '.join(rule.values)}" for rule in mapping.deleted],
        "databases": sql.databases if sql is not None else [],
        "tables": sql.tables if sql is not None else [],
        "changes_by": sql.modified if sql is not None else "",
        "zone": sql.zone if sql is not None else "",
        "activities": list(mapping.activities.statements) if mapping.activities is not None else [],
    }


@functools.cache
def load(name_or_path: str) -> Mapping:
    """A shipped mapping by name, or any TOML file by path.

    Raises `FixSetup` with every fault of the file, each with its line where that is known.
    """
    path = _path(name_or_path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise FixSetup(f"mapping {path}: {fault}") from None
    return parse(text, str(path))


def parse(text: str, path: str) -> Mapping:
    """A mapping from its text; `path` is for the messages. Raises `FixSetup`."""
    try:
        return Mapping.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as fault:
        raise FixSetup(f"mapping {path}: {fault}") from None
    except ValidationError as faults:
        raise FixSetup(*describe_faults(faults, text, f"mapping {path}")) from None
