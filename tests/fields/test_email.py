"""E-mail addresses: what real cells hold, and what must hold of any cell."""

from __future__ import annotations

import pytest
from email_validator import validate_email
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_connector.fields.email import Email, email_address, email_column

READ = [
    ("a@b.fr", "a@b.fr"),
    (" a@b.fr\n", "a@b.fr"),
    ("Jean.Dupont@EXAMPLE.COM", "Jean.Dupont@example.com"),
    ("'a@b.fr", "a@b.fr"),
    ("''a@b.fr", "a@b.fr"),
    ("mailto:a@b.fr", "a@b.fr"),
    ("MAILTO:a@b.fr", "a@b.fr"),
    ("mailto:'a@b.fr", "a@b.fr"),
    ("\u00a0a@b.fr\u00a0", "a@b.fr"),
    ("a@b.fr\u200b", "a@b.fr"),
    ("\ufeffa@b.fr", "a@b.fr"),
    ("<a@b.fr>", "a@b.fr"),
    ("e\u0301lan@b.fr", "élan@b.fr"),
    ("o'neil@b.ie", "o'neil@b.ie"),
    ("a+b@c.fr", "a+b@c.fr"),
    ("a@xn--e1afmkfd.fr", "a@пример.fr"),
]

NOTED = [
    ("Jean <a@b.fr>", "a@b.fr", "display name left out"),
    ("Dupont, Jean <a@b.fr>", "a@b.fr", "display name left out"),
    ('"Dupont, Jean" <a@b.fr>', "a@b.fr", "display name left out"),
    ("a@b.fr; c@d.fr", "a@b.fr", "1 more address in the cell left out"),
    ("a@b.fr ::: c@d.fr ::: e@f.fr", "a@b.fr", "2 more addresses in the cell left out"),
    ("a@b.fr, c@d.fr", "a@b.fr", "1 more address in the cell left out"),
    ("Jean <a@b.fr>, Paul <c@d.fr>", "a@b.fr", "1 more address in the cell left out"),
    ("nonsense; c@d.fr", "c@d.fr", ""),
]

REFUSED = [
    "a",
    "a@b",
    "a@b..fr",
    "a b@c.fr",
    "a@b.fr.",
    "a@localhost",
    "a@b.test",
    "a@[127.0.0.1]",
    "/o=ExchangeLabs/ou=x/cn=y",
    "n/a",
    "a@b,fr",
    '"a b"@c.fr',
    "a@b.fr c@d.fr",
    ";",
    "\ud800@b.fr",
    "\x00",
]


@pytest.mark.parametrize(("raw", "expected"), READ, ids=ascii)
def test_an_address_is_read(raw: str, expected: str) -> None:
    """Each way of writing one address gives it, with nothing to note."""
    assert email_address(raw) == Email(expected)


@pytest.mark.parametrize(("raw", "expected", "note"), NOTED)
def test_what_is_left_out_is_noted(raw: str, expected: str, note: str) -> None:
    """A display name or a second address is never lost in silence."""
    email = email_address(raw)
    assert email.address == expected
    assert note in "; ".join(email.notes)


@pytest.mark.parametrize("raw", REFUSED, ids=ascii)
def test_what_is_no_address_is_refused_with_a_reason(raw: str) -> None:
    """A filled cell without a valid address gives none, and says why."""
    email = email_address(raw)
    assert email.address is None
    assert email.reason


@pytest.mark.parametrize("raw", ["", " ", "'", "\u00a0", "\u200b", "mailto:"], ids=ascii)
def test_a_blank_cell_is_no_fault(raw: str) -> None:
    """Blank is no e-mail, and fine."""
    assert email_address(raw) == Email("")


def test_a_column_is_read_cell_by_cell() -> None:
    """A column of cells gives a column of addresses."""
    assert [email.address for email in email_column(["a@b.fr", "", "x"])] == ["a@b.fr", "", None]


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(
        st.text(max_size=30),
        st.text(alphabet="aé.@<>,;|' -\"\\\u200b\u037e\ufeff\u0301", max_size=20).map(lambda text: f"{text}a@b.fr"),
        st.text(alphabet="abé.@'+-_|;, \u0301\u212b", max_size=12).map(lambda text: f"{text}@{text}.com"),
        st.emails(),
    )
)
def test_any_text_is_refused_or_gives_an_address_that_stays(raw: str) -> None:
    """Nothing raises; what comes back is accepted by email-validator as it is, and by this rule too."""
    email = email_address(raw)
    if not email.address:
        assert email.address == "" or email.reason
        return
    assert validate_email(email.address, check_deliverability=False).normalized == email.address
    if "|" not in email.address:  # an address may hold a bar, a cell separates addresses with it
        assert email_address(email.address) == Email(email.address)
