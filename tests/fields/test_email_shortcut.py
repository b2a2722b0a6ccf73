"""The shortcut for plain addresses gives the library's answer, or leaves it to the library."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sync_connector.fields.email import PLAIN, _plain_address

locals_ = st.text("abcXYZ019_+-.", min_size=1, max_size=70) | st.sampled_from(
    ["info", "INFO", "Postmaster", "a" * 64, "a" * 65, "Abuse"]
)
labels = st.text("abzABZ09-", min_size=1, max_size=64)
domains = st.lists(labels, min_size=1, max_size=5).map(".".join) | st.sampled_from(
    [
        "example.org",
        "Exemple.FR",
        "test",
        "a.test",
        "x.local",
        "localhost",
        "1.2.3.4",
        "xn--bcher-kva.example.org",
        "a." * 120 + "fr",
    ]
)


@settings(max_examples=2_000, deadline=None)
@given(locals_, domains)
@example("Postmaster", "Example.ORG")
@example("a", "xn--a.fr")
def test_a_plain_address_is_what_the_library_says(local: str, domain: str) -> None:
    """Over random local parts and domains the shortcut never differs from email-validator."""
    if not (plain := PLAIN.fullmatch(f"{local}@{domain}")):
        return
    short = _plain_address(plain[1], plain[2])
    if short is None:
        return
    try:
        assert validate_email(f"{local}@{domain}", check_deliverability=False).normalized == short
    except EmailNotValidError as fault:
        raise AssertionError(f"the library refuses {local}@{domain}: {fault}") from None
