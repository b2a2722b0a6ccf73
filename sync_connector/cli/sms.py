"""Messages and calls: `sms send`, `sms status`, `sms resolve`, `sms opt-outs`, `call`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.text import Text

from sync_connector import config, planning
from sync_connector.cli.frame import (
    Signals,
    cli,
    config_option,
    confirmed,
    json_option,
    ledger_of,
    progress_bars,
    scope_of,
    show,
    show_json,
)
from sync_connector.config import Settings
from sync_connector.errors import AskPerson, FixSetup, TryLater
from sync_connector.fields.phone import phone_number
from sync_connector.ledger.keeping import kept
from sync_connector.ledger.messages import MessageBook, WantedMessages
from sync_connector.ledger.store import utc_now
from sync_connector.model import MessageState, Mode, Priority, Verdict
from sync_connector.report import messages_terminal as drawn

if TYPE_CHECKING:
    from sync_connector.messaging import Sent
    from sync_connector.sms.draft import LeftOut

PRIORITIES = [priority.name.lower() for priority in Priority]
LONGEST_TEXT = 64 << 10


class _Words(click.ParamType[str]):
    """What is sent or kept as text: an argument may hold bytes that are none."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """As it is. Ends the command where it is no text."""
        try:
            value.encode()
        except UnicodeEncodeError:
            self.fail(f"{value!a} is not written in UTF-8", param, ctx)
        return value


WORDS = _Words()
yes_option = click.option("--yes", is_flag=True, help="Do not ask: send.")


@cli.group()
def sms() -> None:
    """Send messages, and know what became of each."""


@contextmanager
def _book(settings: Settings, *, write: bool = True) -> Iterator[MessageBook]:
    """The ledger's messages, held by us alone while the block runs; or only to be looked at."""
    if not write:
        with ledger_of(settings) as ledger:
            yield MessageBook(ledger, scope_of(ledger, settings).account_id)
        return
    with ledger_of(settings, write=True) as ledger:
        scope = ledger.make_scope(*planning.scope_names(settings))
        book = MessageBook(ledger, scope.account_id)
        with kept(ledger, scope, "sms", book.renew):
            yield book


@sms.command()
@click.argument("number", required=False, type=WORDS)
@click.argument("words", required=False, type=WORDS)
@config_option
@json_option
@click.option("--file", "file", type=click.Path(exists=True, dir_okay=False), help="A CSV or workbook: a row is a message.")
@click.option("--contacts", is_flag=True, help="Write to the source's contacts.")
@click.option(
    "--where",
    "wheres",
    multiple=True,
    type=WORDS,
    metavar="COLUMN=VALUE",
    help="Only contacts like these (or !=); all must hold.",
)
@click.option("--query", type=click.Path(exists=True, dir_okay=False), help="Only the contacts that this SELECT gives.")
@click.option("--text", metavar="TEMPLATE", type=WORDS, help="What all are written, with fields: 'Hello {first_name}'.")
@click.option("--template", type=click.Path(exists=True, dir_okay=False), help="The same, from a file.")
@click.option(
    "--campaign",
    type=WORDS,
    metavar="NAME",
    help="Its name: nobody gets the same twice under it. Of a file, by default the file's name.",
)
@click.option("--at", metavar="TIME", type=WORDS, help="Not at once, but then (2026-03-02 10:00, the account's time).")
@click.option("--link", default="", metavar="URL", type=WORDS, help="What [Link] in the text leads to; clicks on it are told of.")
@click.option("--priority", default="normal", show_default=True, type=click.Choice(PRIORITIES), help="In the vendor's queue.")
@click.option(
    "--mode", default="prod", show_default=True, type=click.Choice([mode.value for mode in Mode]), help="test sends none."
)
@click.option("--sender-name", type=WORDS, help="In place of sms.sender_name.")
@click.option("--sender-mode", type=WORDS, help="In place of sms.sender_mode.")
@click.option("--any-hour", is_flag=True, help="Do not wait for the hours and days of sms.hours and sms.days.")
@click.option("--again", is_flag=True, help="The same words to the same number once more.")
@click.option("--without-crm", is_flag=True, help="Do not look whom the CRM marks as not to be written to.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Allow more messages than sms.limit, this once.")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would be sent, and send nothing.")
@yes_option
def send(
    number: str | None,
    words: str | None,
    config_path: str,
    as_json: bool,
    file: str | None,
    contacts: bool,
    wheres: tuple[str, ...],
    query: str | None,
    text: str | None,
    template: str | None,
    campaign: str | None,
    at: str | None,
    link: str,
    priority: str,
    mode: str,
    sender_name: str | None,
    sender_mode: str | None,
    any_hour: bool,
    again: bool,
    without_crm: bool,
    limit: int | None,
    only_plan: bool,
    yes: bool,
) -> None:
    """Send WORDS to NUMBER, the messages of a file, or a text to contacts of the CRM. Each is sent at most once.

    First a plan is shown: how many, how many SMS they are, who is left out and why. It must be confirmed, or --yes be said.
    """
    from sync_connector import (  # they bring templates, zones and the reading of contacts: no other command pays for them
        message_planning,
        messaging,
    )

    _one_kind(number, words, file, contacts=contacts, wheres=wheres, query=query, text=text, template=template)
    asked = message_planning.Asked(
        number=number,
        file=file,
        wheres=wheres,
        query=query,
        text=words if number is not None else _template(text, template),
        url=link,
        campaign="" if number is not None and campaign is None else campaign,
        at=at,
        mode=Mode(mode),
        priority=Priority[priority.upper()],
        sender_name=sender_name,
        sender_mode=sender_mode,
        any_hour=any_hour,
        again=again,
        without_crm=without_crm,
        limit=limit,
    )
    settings = config.load(config_path, purpose="message")
    with _book(settings, write=not only_plan) as book:
        with progress_bars() as progress, Signals() as signals:
            made = message_planning.prepare(settings, book, asked, progress, signals.check, utc_now())
        stopped = message_planning.brakes(settings, asked, made)
        told = made.as_json()
        if not as_json:
            _show_plan(made.described, told, stopped, settings)
        if only_plan:
            if as_json:
                show_json({"plan": told, "brakes": stopped})
            return
        if stopped:
            raise AskPerson(*stopped, "nothing was sent")
        if number is not None and made.left_out:
            _refused(made.left_out[0])
        if made.planned:
            if as_json and not yes:  # nobody confirms what was not shown
                show(drawn.plan_summary(told, settings.events.zone or "UTC"), stderr=True)
            confirmed(f"send {drawn.messages(len(made.planned))}?", yes=yes)
        try:
            with progress_bars() as progress, Signals() as signals:
                sent = messaging.execute(settings, book, made, progress, lambda: signals.number)
        except messaging.Interrupted as interrupted:
            _show_sent(interrupted.sent, told, as_json=as_json)
            raise interrupted.fault from None
        _show_sent(sent, told, as_json=as_json)
    sys.exit(sent.exit_code)


def _one_kind(
    number: str | None,
    words: str | None,
    file: str | None,
    *,
    contacts: bool,
    wheres: tuple[str, ...],
    query: str | None,
    text: str | None,
    template: str | None,
) -> None:
    """Whether it is clear who is written what. Raises `FixSetup` with all that is not."""
    faults = []
    if [number is not None, file is not None, contacts].count(True) != 1:
        faults.append("say whom to write to, in one way: NUMBER and WORDS, --file FILE, or --contacts")
    if number is not None and words is None:
        faults.append("say what to write: sync-connector sms send NUMBER 'WORDS'")
    if number is not None and (text or template):
        faults.append("--text is for a file or for contacts; a single number gets the WORDS behind it")
    if text is not None and template is not None:
        faults.append("--text and --template say the same thing; leave one out")
    if (wheres or query) and not contacts:
        faults.append("--where and --query go with --contacts")
    if faults:
        raise FixSetup(*faults)


def _template(text: str | None, template: str | None) -> str | None:
    if template is None:
        return text
    try:
        if Path(template).stat().st_size > LONGEST_TEXT:
            raise FixSetup(f"--template: {template} is longer than any message")
        return Path(template).read_text(encoding="utf-8-sig").rstrip("\n")
    except (OSError, UnicodeDecodeError) as fault:
        raise FixSetup(f"--template: {template}: {fault}") from None


def _show_plan(described: tuple[str, ...], told: dict[str, Any], stopped: list[str], settings: Settings) -> None:
    for sentence in described:
        show(Text(sentence, style="dim"))
    show(drawn.plan_summary(told, settings.events.zone or "UTC"))
    for sentence in stopped:
        show(Text(f"brake: {sentence}", style="yellow"))


def _refused(out: LeftOut) -> None:
    """A single message that is left out was not sent, and whoever asked for it must hear so. Raises `AskPerson`, `FixSetup`."""
    raise (AskPerson if out.code in ("opted_out", "crm_opt_out") else FixSetup)(f"nothing was sent: {out.advice}")


def _show_sent(sent: Sent, told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json({"plan": told, **sent.as_json()})
    else:
        show(drawn.sent_summary(sent.as_json()))


@sms.command()
@config_option
@json_option
@click.option("--campaign", type=WORDS, metavar="NAME", help="The messages of this campaign.")
@click.option("--number", type=WORDS, help="Those to this phone number, in any form.")
@click.option("--state", "states", multiple=True, type=click.Choice([s.value for s in MessageState]), help="May be repeated.")
@click.option("--count", default=50, show_default=True, type=click.IntRange(1, 100_000), help="How many, newest first.")
def status(
    config_path: str, as_json: bool, campaign: str | None, number: str | None, states: tuple[str, ...], count: int
) -> None:
    """Tell what became of messages: each campaign in a line, or the messages of one campaign, number or state."""
    settings = config.load(config_path)
    zone = settings.events.zone or "UTC"
    with ledger_of(settings) as ledger:
        book = MessageBook(ledger, scope_of(ledger, settings).account_id)
        if campaign is None and number is None and not states:
            campaigns = book.campaigns()
            show_json(campaigns) if as_json else show(drawn.campaigns_table(campaigns, zone))
            return
        e164 = None if number is None else _e164(settings, number)
        wanted = WantedMessages(campaign=campaign, phone_number=e164, states=tuple(map(MessageState, states)))
        listed = book.listed(wanted, count)
    show_json(listed) if as_json else show(drawn.messages_table(listed, zone, masked=number is None))


def _e164(settings: Settings, number: str) -> str:
    found = phone_number(number, settings.events.default_country)
    if found.e164 is None:
        raise FixSetup(f"{number!r} is no number: {found.reason}")
    return found.e164


@sms.command()
@click.argument("ids", nargs=-1, type=WORDS)
@config_option
@json_option
@click.option("--all", "everything", is_flag=True, help="All that are unknown.")
@click.option("--sent", "as_sent", is_flag=True, help="Take them for sent: they are never sent again.")
@click.option("--resend", is_flag=True, help="Send them again now: whoever did get one gets it twice.")
@yes_option
def resolve(
    ids: tuple[str, ...], config_path: str, as_json: bool, everything: bool, as_sent: bool, resend: bool, yes: bool
) -> None:
    """List the messages of which nobody knows whether they were sent, and decide about them.

    A message is unknown when its request left and no answer came. A callback settles it by itself; until then it is never
    sent again, unless you say so. IDS are those of the list.
    """
    from sync_connector import messaging

    if as_sent and resend:
        raise FixSetup("--sent and --resend cannot both hold")
    if (ids or everything) and not (as_sent or resend):
        raise FixSetup("say what is to become of them: --sent or --resend")
    if (as_sent or resend) and bool(ids) == everything:
        raise FixSetup("say which: their ids, or --all")
    settings = config.load(config_path, purpose="message" if resend else "look")
    with _book(settings) as book:
        book.recover(utc_now())
        waiting = book.listed(WantedMessages(states=(MessageState.UNKNOWN,)), None)
        if not (as_sent or resend):
            show_json(waiting) if as_json else show(drawn.unknown_table(waiting, settings.events.zone or "UTC"))
            return
        there = {one["id_sms_api"] for one in waiting}
        if strangers := sorted(set(ids) - there):
            raise FixSetup(*(f"{one!r} is not among the unknown messages" for one in strangers))
        chosen = sorted(there) if everything else list(dict.fromkeys(ids))
        if as_sent:
            done = book.resolve(chosen, MessageState.SENT, utc_now())
            show_json({"sent": done}) if as_json else show(f"{drawn.messages(done)} taken for sent")
            return
        confirmed(f"send {drawn.messages(len(chosen))} again? who did get one gets it twice", yes=yes)
        try:
            with Signals() as signals:
                sent = messaging.resend(settings, book, chosen, utc_now(), lambda: signals.number)
        except messaging.Interrupted as interrupted:
            _show_resent(interrupted.sent, as_json=as_json)
            raise interrupted.fault from None
        _show_resent(sent, as_json=as_json)
    sys.exit(sent.exit_code)


def _show_resent(sent: Sent, *, as_json: bool) -> None:
    show_json(sent.as_json()) if as_json else show(drawn.sent_summary(sent.as_json()))


@sms.command(name="opt-outs")
@config_option
@json_option
@click.option("--add", metavar="NUMBER", type=WORDS, help="This number gets no message any more.")
@click.option("--remove", metavar="NUMBER", type=WORDS, help="This number may get messages again: its owner said so.")
def opt_outs(config_path: str, as_json: bool, add: str | None, remove: str | None) -> None:
    """List the numbers that get no messages: they answered STOP, or a person entered them."""
    settings = config.load(config_path)
    added = None if add is None else _e164(settings, add)
    removed = None if remove is None else _e164(settings, remove)
    with ledger_of(settings, write=bool(added or removed)) as ledger:
        if not (added or removed):
            listed = MessageBook(ledger, scope_of(ledger, settings).account_id).opt_outs()
            show_json(listed) if as_json else show(drawn.opt_outs_table(listed, settings.events.zone or "UTC"))
            return
        book = MessageBook(ledger, ledger.make_scope(*planning.scope_names(settings)).account_id)
        if removed is not None and not book.opt_in(removed):
            raise FixSetup(f"--remove: {removed} had not opted out")
        if added is not None:
            book.opt_out(added, utc_now())
    if as_json:
        show_json({"added": added, "removed": removed})
    else:
        for one, what in ((added, "gets no messages any more"), (removed, "may get messages again")):
            if one is not None:
                show(f"{one} {what}")


@cli.command()
@click.argument("number", type=WORDS)
@config_option
@json_option
def call(number: str, config_path: str, as_json: bool) -> None:
    """Let the account's mobile call NUMBER (click-to-call, insim-v1 only)."""
    from sync_connector import calling

    settings = config.load(config_path, purpose="call")
    reply = calling.call(settings, number)
    if as_json:
        show_json({"result": reply.verdict.value, "codes": list(reply.codes), "info": reply.info})
    elif reply.verdict is Verdict.ACCEPTED:
        show(Text(f"the telephone calls{f': {drawn.visible(reply.info)}' if reply.info else ''}", style="green"))
    if reply.verdict is Verdict.REFUSED:
        raise TryLater(calling.refusal(reply))
    if reply.verdict is Verdict.UNKNOWN:
        if not as_json:
            show(Text("no answer that can be trusted: the telephone may be ringing", style="yellow"), stderr=True)
        sys.exit(3)
