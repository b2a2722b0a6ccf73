"""Rules for e-mail addresses that are well formed and a person should look at.

Whether an address is well formed is decided before (`#004`); nothing here asks the network.
"""

from __future__ import annotations

from typing import Final

from sync_connector.rules._domains import is_disposable, meant_domain
from sync_connector.rules.rule import Found, Row, Seen, rule

FIELD: Final = "email"
_ROLES = (
    "info infos information contact contacts contactus hello bonjour accueil reception secretariat secretary office bureau "
    "mairie direction compta comptabilite accounting accounts facturation factures invoice invoices billing achats "
    "commercial commande commandes orders order sales vente ventes vertrieb verkauf marketing presse press media pr "
    "rh hr jobs job career careers recrutement recruiting bewerbung support help helpdesk service services servicedesk sav "
    "kundenservice kundendienst kontakt buero zentrale empfang anfrage buchhaltung rechnung kontor post mail email courrier "
    "admin administrator administration administratie administracion webmaster hostmaster postmaster abuse root security "
    "noreply no-reply no.reply donotreply do-not-reply nepasrepondre ne-pas-repondre ne_pas_repondre newsletter news team "
    "equipe shop boutique store privacy dpo rgpd gdpr legal feedback enquiries inquiries enquiry general "
    "informacion contacto ventas recepcion oficina segreteria amministrazione vendite commerciale ufficio "
    "geral contato vendas comercial informatie verkoop biuro sekretariat obchod kancelaria"
)
ROLES = frozenset(_ROLES.split())


def _found(seen: Seen, suggestion: str = "") -> tuple[Found, ...]:
    column = next((cell.column for cell in seen.emails if cell.understood == seen.email), "")
    return (Found(FIELD, seen.email, suggestion, column),)


@rule(
    "role_address",
    FIELD,
    title="address of a function, not of a person",
    advice="Give the person's own address: this one is read by whoever is on duty, and stays when the person leaves.",
    examples=(
        Row(email="info@example.org").gives(FIELD, "info@example.org"),
        Row(email="Contact@example.org").gives(FIELD, "Contact@example.org"),
        Row(email="accueil@example.org").gives(FIELD, "accueil@example.org"),
        Row(email="no-reply@example.org").gives(FIELD, "no-reply@example.org"),
        Row(email="jean.dupont@example.org").passes(),
        Row(email="infographie@example.org").passes(),
        Row(email="contact320@example.org").passes(),
    ),
)
def role_address(seen: Seen) -> tuple[Found, ...]:
    """An address whose local part is a function's name."""
    if seen.email.partition("@")[0].lower() not in ROLES:
        return ()
    return _found(seen)


@rule(
    "disposable_domain",
    FIELD,
    title="throw-away e-mail address",
    advice="Ask for the person's lasting address: this domain gives addresses that are read for some minutes, often by anyone.",
    examples=(
        Row(email="jean@yopmail.com").gives(FIELD, "jean@yopmail.com"),
        Row(email="jean@inbox.mailinator.com").gives(FIELD, "jean@inbox.mailinator.com"),
        Row(email="jean@gmail.com").passes(),
        Row(email="jean@gmial.com").passes(),  # somebody waits there for slips; this is one
        Row(email="jean@example.org").passes(),
    ),
)
def disposable_domain(seen: Seen) -> tuple[Found, ...]:
    """An address at a domain that gives them for minutes, as the list of the installed library says."""
    if not seen.email or not is_disposable(seen.email.rpartition("@")[2].lower()):
        return ()
    return _found(seen)


@rule(
    "domain_typo",
    FIELD,
    title="typing error in the domain of an e-mail",
    advice="Correct the domain if the suggestion is what was meant; it is sent as it stands until then.",
    examples=(
        Row(email="jean@gmial.com").gives(FIELD, "jean@gmial.com", "jean@gmail.com"),
        Row(email="jean@hotmial.fr").gives(FIELD, "jean@hotmial.fr", "jean@hotmail.fr"),
        Row(email="jean@gmail.con").gives(FIELD, "jean@gmail.con", "jean@gmail.com"),
        Row(email="jean@gmail.fr").gives(FIELD, "jean@gmail.fr", "jean@gmail.com"),
        Row(email="jean@wandoo.fr").gives(FIELD, "jean@wandoo.fr", "jean@wanadoo.fr"),
        Row(email="jean@outllook.com").gives(FIELD, "jean@outllook.com", "jean@outlook.com"),
        Row(email="jean@acme.con").gives(FIELD, "jean@acme.con", "jean@acme.com"),
        Row(email="jean@www.gmail.com").gives(FIELD, "jean@www.gmail.com", "jean@gmail.com"),
        Row(email="jean@gmail.com").passes(),
        Row(email="jean@mail.com").passes(),
        Row(email="jean@ymail.com").passes(),
        Row(email="jean@gmx.net").passes(),
        Row(email="jean@gmx.de").passes(),
        Row(email="jean@hotmail.be").passes(),
        Row(email="jean@live.nl").passes(),
        Row(email="jean@aol.de").passes(),
        Row(email="jean@orage.fr").passes(),
        Row(email="jean@tree.fr").passes(),
        Row(email="jean@laposte.fr").passes(),
        Row(email="jean@yahoo.com.my").passes(),
        Row(email="jean@oranger.fr").passes(),
        Row(email="jean@alide.it").passes(),
        Row(email="jean@gmaze.com").passes(),
        Row(email="jean@hotmail.dr").passes(),  # fr or de
        Row(email="jean@example.org").passes(),
    ),
)
def domain_typo(seen: Seen) -> tuple[Found, ...]:
    """An address one slip of a finger away from a well-known provider's, or under a suffix that does not exist."""
    if not seen.email:
        return ()
    local, _, domain = seen.email.rpartition("@")
    meant = meant_domain(domain.lower())
    return _found(seen, f"{local}@{meant}") if meant else ()
