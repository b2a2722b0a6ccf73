"""The job: `plan` and `sync`."""

from __future__ import annotations

import functools
import os
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from sync_connector import config, deadline, pipeline, planfile, planning
from sync_connector.cli.frame import (
    Signals,
    cli,
    config_option,
    full_option,
    json_option,
    ledger_of,
    progress_bars,
    resend_option,
    resubmit_option,
    scope_of,
    show,
    show_json,
    singer_option,
)
from sync_connector.config import Settings
from sync_connector.errors import AskPerson, FixSetup, OutOfTime
from sync_connector.flow.brakes import Limits
from sync_connector.flow.overlay import Overlay
from sync_connector.flow.resolve import Outcome
from sync_connector.ledger.store import Ledger
from sync_connector.model import Contact
from sync_connector.report import quality_terminal, terminal
from sync_connector.sources import singer
from sync_connector.watermark import Watermark

SHOWN_REJECTS = 8
SHOWN_SAMPLES = 5


def _account(settings: Settings) -> str:
    login, host, source = planning.scope_names(settings)
    return f"{login} at {host}, source {source}"


def limits_of(settings: Settings) -> Limits:
    """The shares above which a run stops and asks."""
    return Limits(settings.brakes.gone, settings.brakes.changed, settings.brakes.rejected)


@cli.command()
@config_option
@json_option
@full_option
@singer_option
@resubmit_option
@resend_option
@click.option("--out", type=click.Path(dir_okay=False), help="Write the plan to this file, for review and `sync --apply`.")
def plan(
    config_path: str, as_json: bool, full: bool, tap: str | None, sheet: str | None, resend_unknown: bool, out: str | None
) -> None:
    """Show what a sync would send. Writes nothing to the ledger, sends nothing."""
    begun = time.monotonic()
    settings = config.load(config_path, source=_tapped(tap))
    with ledger_of(settings) as ledger:
        with progress_bars() as progress, Signals() as signals:
            scope = scope_of(ledger, settings)
            asked: planning.Asked = {"full": full, "resubmitted": _corrected(sheet), "resend_unknown": resend_unknown}
            made = planning.prepare(settings, ledger, scope, progress, signals.check, **asked)
        with closing(made.spool):
            if out:
                planfile.write(Path(out), made, ledger, _account(settings))
            stopped = made.brakes(limits_of(settings))
            if as_json:
                cost = {"seconds": round(time.monotonic() - begun, 3), "peak_rss_mb": pipeline.peak_rss_mb()}
                show_json(made.as_json() | {"brakes": stopped} | cost)
                return
            show_plan(made, stopped)
            if out:
                show(Text(f"\nwrote {out}; after review: sync-connector sync --apply {out}"))


def show_plan(made: planning.Plan, stopped: list[str]) -> None:
    """What would be sent and what not, with some of both."""
    show(terminal.rows_table(made.rows, {"create": made.creates, "update": made.updates}))
    for line in terminal.reading_lines(made.as_json()):
        show(line)
    if made.gone or made.unsure:
        show(f"{len(made.gone):,} known contacts are no longer in the source")
    if made.rows["in_doubt"]:
        show(terminal.in_doubt_line(made.rows["in_doubt"]))
    if made.unsure:
        show(Text(f"{made.unsure:,} more may only be missing because their row could not be read", style="dim"))
    for line in terminal.codes_lines(made.codes, made.mended):
        show(line)
    samples = [(change, contact) for change, contact in planfile.sample(made, SHOWN_SAMPLES) if isinstance(contact, Contact)]
    if samples:
        show("")
        show(terminal.samples_table([(change.value, contact) for change, contact in samples]))
    _show_rejects(made)
    for sentence in stopped:
        show(Text(f"brake: {sentence}", style="yellow"))
    if stopped:
        show(Text("a sync would stop here; `sync --approve` passes once", style="yellow"))


def _show_rejects(made: planning.Plan) -> None:
    samples = []
    for piece in made.extraction.set_aside:
        samples.append(("", piece.place.line, pipeline.unreadable(piece)))
        if len(samples) >= SHOWN_REJECTS:
            break
    for outcome, owner, candidate in made.candidates(Outcome.REJECTED, Outcome.DUPLICATE_KEY, Outcome.SHARED_REJECTED):
        if len(samples) >= SHOWN_REJECTS:
            break
        finding = next(f for f in pipeline.findings_of(outcome, owner, candidate) if f.severity == "reject")
        samples.append((candidate.key, candidate.place.line, finding))
    samples.sort(key=lambda sample: sample[1])
    if samples:
        show("")
        show(terminal.rejects_table(samples, made.rows["rejected"] - len(samples)))


@cli.command()
@config_option
@json_option
@singer_option
@click.option("--apply", "apply_path", type=click.Path(dir_okay=False), help="Send exactly what this plan says, or refuse.")
@click.option("--approve", is_flag=True, help="Pass the brakes, this once.")
@full_option
@resubmit_option
@resend_option
@click.option(
    "--keep", is_flag=True, help="With --resubmit: apply it again whenever the row is looked at, until it changes in the CRM."
)
@click.option("--until", metavar="TIME", help="End by then and leave the rest to the next run: 06:00, or a date and time.")
def sync(
    config_path: str,
    as_json: bool,
    tap: str | None,
    apply_path: str | None,
    approve: bool,
    full: bool,
    sheet: str | None,
    resend_unknown: bool,
    keep: bool,
    until: str | None,
) -> None:
    """Send what changed since the last sync, and record the vendor's verdict on each contact.

    With --resubmit, what was mended in a sheet of `rejects` lies over the CRM's own rows, this once or with --keep.

    With --singer, stdout is the tap's: it gets the last STATE of which every record before it is settled, if there is one,
    and nothing else. The result goes to stderr.

    With --until (or vendor.until) nothing leaves after that hour, by this machine's clock or in a zone that stands behind it
    ('06:00 Europe/Paris'). What is under way is finished; where something is left to the next run, the exit code is 3.
    """
    begun = time.monotonic()
    settings = config.load(config_path, purpose="send", source=_tapped(tap))
    if keep and sheet is None:
        raise FixSetup("--keep goes with --resubmit")
    asked: planning.Asked = {"full": full, "resubmitted": _corrected(sheet, keep=keep), "resend_unknown": resend_unknown}
    with ledger_of(settings, write=True) as ledger, Signals() as signals:
        ends = _deadline(settings, until)
        result = _run(settings, ledger, signals, begun, ends, asked, apply_path=apply_path, approve=approve)
    shown = result.as_json()
    if as_json:
        show_json(shown, stderr=_of_a_tap(settings))
    else:
        _show_result(result, shown, stderr=_of_a_tap(settings))
    if not result.is_settled:
        sys.exit(3)


def _deadline(settings: Settings, asked: str | None) -> float | None:
    """When the run is to end, in seconds since 1970, if it is."""
    text = settings.vendor.until if asked is None else asked
    try:
        return deadline.moment(text, time.time()) if text else None
    except ValueError as fault:
        raise FixSetup(f"{'vendor.until' if asked is None else '--until'}: {fault}") from None


def _tapped(tap: str | None) -> dict[str, str] | None:
    """The source's settings that `--singer` stands for; a path on the command line is seen from where the user is."""
    return None if tap is None else {"type": "singer", "path": tap if tap == "-" else os.path.abspath(tap)}


def _corrected(sheet: str | None, *, keep: bool = False) -> list[Overlay]:
    """What was mended in a sheet, if there is one."""
    if sheet is None:
        return []
    from sync_connector import resubmitting  # it brings the readers and writers of workbooks

    return resubmitting.overlays(Path(sheet), keep=keep)


def _of_a_tap(settings: Settings) -> bool:
    return settings.source.type == "singer"


def _give_state_back(settings: Settings, made: planning.Plan, watermark: Watermark) -> None:
    """Tell who runs the tap how far it need not read again; nothing where no STATE is true."""
    state = singer.last_state(settings.source, watermark.first_unsettled(made))
    if state is not None:
        click.echo(state)


def _run(
    settings: Settings,
    ledger: Ledger,
    signals: Signals,
    begun: float,
    until: float | None,
    asked: planning.Asked,
    *,
    apply_path: str | None,
    approve: bool,
) -> pipeline.Result:
    scope = ledger.make_scope(*planning.scope_names(settings))
    with progress_bars() as progress, ledger.lease(scope):
        last_renewal = time.monotonic()

        def check() -> None:
            nonlocal last_renewal
            signals.check()
            if until is not None and time.time() >= until:
                raise OutOfTime("the hour at which the run was to end came while the source was read: nothing was sent")
            if time.monotonic() - last_renewal > 20:
                ledger.renew(scope)
                last_renewal = time.monotonic()

        made = planning.prepare(settings, ledger, scope, progress, check, **asked)
        with closing(made.spool):
            if apply_path is not None:
                planfile.check(Path(apply_path), made, _account(settings))
            stopped = made.brakes(limits_of(settings))
            if stopped and not approve:
                raise AskPerson(*stopped, "nothing was sent; look at `sync-connector plan`, and `sync --approve` passes once")
            watermark = Watermark() if _of_a_tap(settings) else None
            try:
                execute = functools.partial(pipeline.execute, settings, ledger, made, progress, lambda: signals.number, begun)
                return execute(watermark=watermark, until=until)
            finally:
                if watermark is not None:
                    _give_state_back(settings, made, watermark)


def _show_result(result: pipeline.Result, shown: dict[str, Any], *, stderr: bool = False) -> None:
    say = functools.partial(show, stderr=stderr)
    say(terminal.rows_table(shown["rows"], shown["changes"], before=False))
    for line in terminal.reading_lines(shown):
        say(line)
    say(terminal.verdicts_line(shown["verdicts"], shown["posts"]))
    if "pace" in shown:
        say(terminal.pace_line(shown["pace"]))
    for line in terminal.codes_lines(result.plan.codes, result.plan.mended):
        say(line)
    if shown["gone"]:
        say(f"{shown['gone']:,} contacts left the source in this run")
    if shown["stale_at_vendor"]:
        say(
            f"{shown['stale_at_vendor']:,} numbers are stale at the vendor, which cannot delete them: sync-connector runs --stale"
        )
    if "resubmitted" in shown:
        say(quality_terminal.resubmitted(shown["resubmitted"]))
    holds = result.plan.on_unknown == "hold"
    if result.tally.refused or (result.tally.unknown and not holds):
        who = "refused" if holds else "refused and unknown"
        say(Text(f"{who} contacts are offered again by the next run", style="yellow"))
    if doubtful := shown["rows"]["in_doubt"] + (result.tally.unknown if holds else 0):
        say(terminal.in_doubt_line(doubtful))
    if result.left:
        say(Text(f"the hour came: {result.left:,} contacts are left, and the next run sends them", style="yellow"))
    say(
        Text(
            f"run {shown['run']} {shown['status']} in {shown['seconds']:.1f} s, {shown['peak_rss_mb']:.0f} MB at most",
            style="dim",
        )
    )
