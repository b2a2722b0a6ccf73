"""Normalize: rows → contacts and findings, so that the vendor never has to answer `#001` … `#004`."""

from __future__ import annotations

from typing import Literal

import phonenumbers
import pytest
from email_validator import validate_email
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_connector import mapping as mappings
from sync_connector.fields.email import email_address
from sync_connector.fields.phone import by_library
from sync_connector.flow.extract import Extraction, extract
from sync_connector.flow.normalize import Choices, Normalized, normalize, numbers
from sync_connector.model import Contact, Severity
from sync_connector.rules import CATALOGUE, RULES, chosen
from tests.flow.tables import Table, chunk_of, rows_of


def _normalized(
    table: Table, name: str = "generic", country: str | None = "FR", on_invalid_email: Literal["drop", "reject"] = "drop"
) -> list[Normalized]:
    rows, binding = rows_of(table, name)
    return normalize(rows, binding, Choices(country, on_invalid_email, rules=()))


def _one(default: str | None = "FR", /, **cells: str | None) -> Normalized:
    (one,) = _normalized({header.replace("_", " "): [cell] for header, cell in {"id": "1", **cells}.items()}, country=default)
    return one


def _codes(one: Normalized) -> list[tuple[str, Severity]]:
    return [(finding.code, finding.severity) for finding in one.findings]


def test_a_clean_row_becomes_a_contact_without_findings() -> None:
    """Every field arrives in its place, normalized."""
    one = _one(
        first_name=" Ame\u0301lie ", last_name="Dupont", email="A@EXAMPLE.com", mobile="06 12 34 56 78",
        address="1 rue X\nBât. B", postal_code="75001", city="Paris", country="France", updated_at="2024-05-01T10:00:00Z",
    )  # fmt: skip
    assert one.contact == Contact("+33612345678", "Amélie", "Dupont", "1 rue X, Bât. B, 75001, Paris", "A@example.com", "FR")
    assert one.findings == ()
    assert one.recency == 1714557600


@pytest.mark.parametrize(
    ("cell", "code"), [(None, "#003"), ("", "#002"), ("  \u00a0", "#002"), ("abc", "#001"), ("12", "#001"), ("3.36E+10", "#001")]
)
def test_a_row_without_a_number_is_rejected_with_the_vendors_code(cell: str | None, code: str) -> None:
    """`#003` the cell is missing, `#002` it is blank, `#001` it is no number; the finding says what to do."""
    one = _one(phone=cell)
    assert one.contact is None
    assert _codes(one) == [(code, Severity.REJECT)]
    assert one.findings[0].field == "phone_number"
    assert one.findings[0].value == (cell or "" if code == "#001" else "")
    assert one.findings[0].advice


def test_another_column_takes_the_place_of_a_bad_number() -> None:
    """The first valid number in the mapping's order is taken; the bad one is a repair, and named."""
    one = _one(mobile="123", phone="01 23 45 67 89")
    assert one.contact is not None
    assert one.contact.phone_number == "+33123456789"
    assert _codes(one) == [("#001", Severity.REPAIR)]
    assert one.findings[0].value == "123"
    assert "+33123456789" in one.findings[0].advice


def test_the_mobile_is_preferred() -> None:
    """Of two valid numbers the more wanted column's is taken, wherever it stands."""
    one = _one(phone="01 23 45 67 89", mobile="0612345678")
    assert one.contact is not None
    assert one.contact.phone_number == "+33612345678"
    assert one.findings == ()


def test_all_bad_numbers_are_one_rejection() -> None:
    """A row is rejected once, for its most wanted number."""
    one = _one(mobile="123", phone="456")
    assert _codes(one) == [("#001", Severity.REJECT)]
    assert one.findings[0].value == "123"


def test_what_was_left_out_of_a_phone_cell_is_a_repair() -> None:
    """A second number or an extension is named."""
    one = _one(phone="0612345678 / 0123456789")
    assert one.contact is not None
    assert [finding.severity for finding in one.findings] == [Severity.REPAIR]
    assert "1 more number" in one.findings[0].advice


@pytest.mark.parametrize(
    ("country", "default", "number", "code"),
    [
        ("GB", "FR", "+442079460958", "GB"),
        ("United Kingdom", "FR", "+442079460958", "GB"),
        ("+44", "FR", "+442079460958", "GB"),
        ("", "GB", "+442079460958", "GB"),
        (None, "GB", "+442079460958", "GB"),
        ("nonsense", "GB", "+442079460958", "GB"),
    ],
)
def test_a_number_is_seen_from_its_rows_country_then_the_default(
    country: str | None, default: str | None, number: str, code: str
) -> None:
    """The row's country decides; where it says nothing that is understood, the source's does."""
    one = _one(default, pays=country, phone="020 7946 0958")
    assert one.contact is not None
    assert one.contact.phone_number == number
    assert one.contact.country_code == code


def test_a_postcode_moves_a_contact_to_its_territory() -> None:
    """France with a postcode of Réunion is Réunion: the number is seen from there, and the vendor is told so."""
    cells = {"id": "1", "mobile": "0692 12 34 56", "postcode": "97400"}
    for country in ("France", ""):
        contact = _one(**cells, country=country).contact
        assert contact is not None
        assert (contact.phone_number, contact.country_code) == ("+262692123456", "RE")
    foreign = _one("US", id="1", mobile="0692 12 34 56", postcode="97400", country="").contact
    assert foreign is None


def test_every_number_of_a_row_is_told_and_which_was_taken() -> None:
    """The most wanted column first; what else a cell holds, and what is no number, stand beside it."""
    rows, binding = rows_of(
        {"id": ["1"], "phone": ["01 23 45 67 89"], "mobile": ["06 12 34 56 78 / 06 98 76 54 32"], "work phone": ["12"]}
    )
    (told,) = numbers(rows, binding, Choices("FR", "drop", rules=()))
    assert [(one.header, one.region, one.phone.e164, one.phone.others) for one in told] == [
        ("mobile", "FR", "+33612345678", ("+33698765432",)),
        ("phone", "FR", "+33123456789", ()),
        ("work phone", "FR", None, ()),
    ]


def test_without_any_country_a_national_number_is_rejected() -> None:
    """No country is guessed."""
    assert _codes(_one(None, phone="020 7946 0958")) == [("#001", Severity.REJECT)]


def test_a_country_that_is_not_understood_is_a_warning() -> None:
    """The contact is sent, with the country of its number, and the cell is named."""
    one = _one(pays="Unied Saes", phone="0612345678")
    assert one.contact is not None
    assert one.contact.country_code == "FR"
    assert _codes(one) == [("unknown_country", Severity.WARN)]


def test_the_first_country_that_is_understood_counts() -> None:
    """A misspelt code is overruled by the name beside it."""
    one = _one(country_code="??", pays="Belgique", phone="0475 12 34 56")
    assert one.contact is not None
    assert one.contact.country_code == "BE"


def test_the_country_of_a_foreign_number_is_its_own() -> None:
    """Without a country in the row, `country_code` is the number's, territories told apart; none for a satellite."""
    table = {"id": list("1234"), "phone": ["+32475123456", "0692123456", "+16135550123", "+870773111632"]}
    contacts = [one.contact for one in _normalized(table)]
    assert [contact.country_code for contact in contacts if contact] == ["BE", "RE", "CA", ""]


def test_an_invalid_email_is_dropped_or_rejects() -> None:
    """By default the e-mail is left out and the contact sent; `reject` rejects it; both say `#004`."""
    table = {"id": ["1"], "phone": ["0612345678"], "email": ["jean@"]}
    (dropped,) = _normalized(table)
    assert dropped.contact is not None
    assert dropped.contact.email == ""
    assert _codes(dropped) == [("#004", Severity.REPAIR)]
    (rejected,) = _normalized(table, on_invalid_email="reject")
    assert rejected.contact is None
    assert _codes(rejected) == [("#004", Severity.REJECT)]
    assert rejected.findings[0].value == "jean@"


@pytest.mark.parametrize("policy", ["drop", "reject"])
def test_another_address_takes_the_place_of_a_bad_one(policy: Literal["drop", "reject"]) -> None:
    """With a valid address in another column the contact is sent under either policy."""
    table = {"E-mail 1 - Value": ["bad"], "E-mail 2 - Value": ["a@b.fr"], "Phone 1 - Value": ["0612345678"], "First Name": ["A"]}
    (one,) = _normalized(table, "google", on_invalid_email=policy)
    assert one.contact is not None
    assert one.contact.email == "a@b.fr"
    assert _codes(one) == [("#004", Severity.REPAIR)]


def test_all_faults_of_a_row_are_named() -> None:
    """A bad number does not hide a bad e-mail and a bad country."""
    (one,) = _normalized({"id": ["1"], "phone": ["x1"], "email": ["x"], "pays": ["??"]}, on_invalid_email="reject")
    assert sorted(code for code, _ in _codes(one)) == ["#001", "#004", "unknown_country"]


def test_the_full_name_stands_in_where_both_names_are_blank() -> None:
    """A full name is never split; it is the last name, and only where there is no other."""
    names = {"name": ["Jean Dupont"] * 3, "first name": ["", "Jean", ""], "last name": ["", "", "Dupont"]}
    table = {"id": list("123"), "phone": ["0612345678"] * 3, **names}
    contacts = [one.contact for one in _normalized(table)]
    assert [(c.first_name, c.last_name) for c in contacts if c] == [("", "Jean Dupont"), ("Jean", ""), ("", "Dupont")]


def test_an_address_is_what_is_filled_joined_by_commas() -> None:
    """Lines of a cell are parts as well; blank parts and stray commas leave no trace."""
    table = {"id": ["1"], "phone": ["0612345678"], "address": ["1 rue X,\r\n\r\n Bât. B"], "zip": [" "], "city": ["Paris,"]}
    (one,) = _normalized(table)
    assert one.contact is not None
    assert one.contact.adress == "1 rue X, Bât. B, Paris"


def test_outlooks_home_address_stands_in_for_the_business_address() -> None:
    """The other address is used only where the first is wholly blank."""
    table = {
        "First Name": ["A", "B"], "Last Name": ["C", "D"], "Mobile Phone": ["0612345678", "0612345679"],
        "Business City": ["Paris", ""], "Home City": ["Lyon", "Lyon"], "Home Street": ["1 rue X", "2 rue Y"],
    }  # fmt: skip
    contacts = [one.contact for one in _normalized(table, "outlook")]
    assert [contact.adress for contact in contacts if contact] == ["Paris", "2 rue Y, Lyon"]


GOOGLE = {
    "First Name": "A", "Last Name": "B",
    "Phone 1 - Label": "Work Fax", "Phone 1 - Value": "01 11 11 11 11",
    "Phone 2 - Label": "Work", "Phone 2 - Value": "01 23 45 67 89",
    "Phone 10 - Label": "* Mobile", "Phone 10 - Value": "06 12 34 56 78 ::: 06 98 76 54 32",
}  # fmt: skip


def _google(**changes: str) -> Normalized:
    cells = {**GOOGLE, **{header.replace("_", " - "): cell for header, cell in changes.items()}}
    (one,) = _normalized({header: [cell] for header, cell in cells.items()}, "google")
    return one


def test_google_labels_decide() -> None:
    """A mobile is taken before the others, the first of several in one cell; a fax is never taken."""
    one = _google()
    assert one.contact is not None
    assert one.contact.phone_number == "+33612345678"
    assert "1 more number" in one.findings[0].advice
    work = _google(**{"Phone 10_Value": ""})
    assert work.contact is not None
    assert work.contact.phone_number == "+33123456789"
    assert work.findings == ()


def test_a_fax_alone_is_no_phone() -> None:
    """A contact that has a fax only has a blank phone."""
    assert _codes(_google(**{"Phone 10_Value": "", "Phone 2_Value": ""})) == [("#002", Severity.REJECT)]


def test_a_column_may_have_its_own_country() -> None:
    """The row's country comes first, then the column's, then the source's."""
    text = (
        'crm = "x"\ntitle = "x"\n[columns]\nkey = ["id"]\nphone = ["uk", "fr"]\ncountry = ["land"]\n[phone_country]\nUK = "GB"\n'
    )
    table: Table = {
        "id": list("123"),
        "uk": ["020 7946 0958", "", "044 668 18 00"],
        "fr": ["", "0612345678", ""],
        "land": ["", "", "CH"],
    }
    binding = mappings.bind(mappings.parse(text, "x.toml"), list(table))
    (rows,) = extract([chunk_of(table)], binding, Extraction())
    found = normalize(rows, binding, Choices("FR", "drop", rules=()))
    assert [one.contact and one.contact.phone_number for one in found] == ["+442079460958", "+33612345678", "+41446681800"]


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("442079460958", "+442079460958"),
        ("33612345678.0", "+33612345678"),
        (" 33612345678", "+33612345678"),
        ("+442079460958", "+442079460958"),
        ("0612345678", "+33612345678"),
        ("612345678", "+33612345678"),
        ("4420794609", None),
    ],
)
def test_a_column_may_leave_out_the_plus_sign(cell: str, number: str | None) -> None:
    """Where a mapping says so, digits that are a number with a plus sign are that number, from whatever country the row is."""
    text = 'crm = "x"\ntitle = "x"\n[columns]\nkey = ["id"]\nphone = ["sms"]\ncountry = ["land"]\n[phone_country]\nSMS = "+"\n'
    for labelled in ("", '[phones]\nvalue = "phone {n}"\nlabel = "label {n}"\n'):
        table: Table = {"id": ["1"], "sms": [cell], "land": ["FR"], "phone 1": [""], "label 1": [""]}
        binding = mappings.bind(mappings.parse(text + labelled, "x.toml"), list(table))
        (rows,) = extract([chunk_of(table)], binding, Extraction())
        (one,) = normalize(rows, binding, Choices(None, "drop", rules=()))
        assert (one.contact and one.contact.phone_number) == number


@pytest.mark.parametrize(
    ("cell", "recency"),
    [
        ("1714557600123", 1714557600),
        ("2024-05-01T10:00:00.000Z", 1714557600),
        ("2024-05-01T12:00:00+02:00", 1714557600),
        ("2024-05-01 10:00:00", 1714557600),
        ("2024-05-01", 1714521600),
        ("1714557600", 1714557600),
        ("", None),
        ("3/15/2024 2:30 PM", None),
        ("01/05/2024", None),
        ("yesterday", None),
        ("9999-99-99", None),
        ("0/0/00", None),
    ],
)
def test_when_a_row_changed_is_read_or_unknown(cell: str, recency: int | None) -> None:
    """ISO 8601 and seconds since 1970 are read, everything else is unknown, never guessed."""
    assert _one(phone="0612345678", modified=cell).recency == recency


HEADERS = [
    "id",
    "mobile",
    "phone",
    "email",
    "first name",
    "last name",
    "name",
    "address",
    "city",
    "country code",
    "country",
    "modified",
]
CELLS = (
    st.none()
    | st.text(max_size=12)
    | st.sampled_from(["0612345678", "+33612345678", "a@b.fr", "FR", "2024-05-01", "\ud800", "'"])
)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.lists(CELLS, min_size=len(HEADERS), max_size=len(HEADERS)), min_size=1, max_size=4),
    st.sampled_from(["drop", "reject"]),
)
def test_any_row_is_a_whole_contact_or_rejected_with_a_reason(
    table: list[list[str | None]], on_invalid_email: Literal["drop", "reject"]
) -> None:
    """Nothing raises; a contact's number and e-mail are valid and its text can be sent; a rejection has its finding."""
    # A row with a NUL byte is set aside before it comes here.
    cells = [[cell and cell.encode("utf-8", "replace").decode().replace("\0", "") for cell in row] for row in table]
    columns: Table = dict(zip(HEADERS, map(list, zip(*cells, strict=True)), strict=True))
    for one in _normalized(columns, on_invalid_email=on_invalid_email):
        rejected = [finding for finding in one.findings if finding.severity is Severity.REJECT]
        assert (one.contact is None) == bool(rejected)
        if one.contact is not None:
            assert phonenumbers.is_valid_number(phonenumbers.parse(one.contact.phone_number))
            assert not one.contact.email or validate_email(one.contact.email, check_deliverability=False)
            assert len(one.contact.country_code) in (0, 2)
            assert all("\n" not in text for text in one.contact)
            "".join(one.contact).encode()


any_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
likely_numbers = st.from_regex(r"\A(\+|00|0|\+0)?(33|32|44|39|1|225|377)?[0-9]{5,12}\Z")
likely_addresses = st.from_regex(
    r"\A[a-zé.\"' +]{0,8}(@|@@| at |\(at\))(gmial\.com|gmail\.con|hotmail,fr|wanadoo\.\.fr|GMAIL|xn--)\Z"
)


@settings(max_examples=400)
@given(
    any_text | likely_numbers,
    any_text | likely_numbers,
    any_text | likely_addresses,
    any_text,
    any_text,
    any_text | st.sampled_from(["FR", "Belgique", "Antarctique", "TF", "Kosovo", "IT", "CI", "GB"]),
    st.sampled_from([None, "FR", "IT", "AQ"]),
)
def test_whatever_stands_in_a_row_is_told_as_findings(
    mobile: str, phone: str, email: str, first: str, last: str, country: str, default: str | None
) -> None:
    """No cell and no country is too odd: codes are those of the catalogue, what is suggested could be sent and is not what
    stands there; no rule changes what is sent, one that rejects rejects, and one that is off finds nothing."""
    cells = {"mobile": mobile, "phone": phone, "email": email, "first name": first, "last name": last, "country": country}
    rows, binding = rows_of({header: [cell] for header, cell in {"id": "1", **cells}.items()}, "generic")
    severities: list[Literal["off", "warn", "reject"]] = ["off", "warn", "reject"]
    none, warned, rejected = (
        normalize(rows, binding, Choices(default, "drop", rules=chosen(dict.fromkeys(RULES, severity))))[0]
        for severity in severities
    )
    for finding in warned.findings:
        assert finding.code in CATALOGUE
        assert not finding.suggestion or finding.suggestion != finding.value
        if finding.suggestion and finding.field == "phone_number":
            assert by_library(finding.suggestion, None) == finding.suggestion
        if finding.suggestion and finding.field == "email":
            assert email_address(finding.suggestion).address == finding.suggestion
    assert none.contact == warned.contact
    assert not {finding.code for finding in none.findings} & set(RULES)
    assert warned.findings[: len(none.findings)] == none.findings
    if len(warned.findings) > len(none.findings):
        assert rejected.contact is None
