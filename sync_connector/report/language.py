"""The language of a page: its words from a catalogue, its numbers, shares, durations and dates as people write them there.

Law: a page is in one language, which is handed to whoever words a sentence; nothing remembers it. A message is its own English
text, so a sentence that nobody translated is shown in English and never as a key. A rounded share says all or nothing only
where that is so (99.6 % is not "100 %", a handful is not "0 %").
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_interval, format_skeleton, get_datetime_format
from babel.lists import format_list
from babel.messages import mofile, pofile
from babel.numbers import format_decimal, format_percent

from sync_connector.report import wording

LOCALES = {"en": "en_GB", "fr": "fr_FR"}
"""The languages of a page, and whose habits its figures follow: English as Europe writes dates, the day before the month."""


@dataclass(frozen=True, eq=False)
class Words:
    """One language. `code` is what HTML calls it."""

    code: str
    locale: Locale = field(repr=False)
    translations: NullTranslations = field(repr=False)

    def gettext(self, message: str, **values: object) -> str:
        """A message in this language; each `%(name)s` in it is the value of that name."""
        return self.translations.gettext(message) % values

    def phrase(self, text: str) -> str:
        """Text that is handed on as it stands: in this language if it is one of our messages (a code's title), else itself."""
        return self.translations.gettext(text) if text else ""

    def ngettext(self, one: str, more: str, count: int, **values: object) -> str:
        """A message that counts, in the form that this language has for the count; `%(count)s` is the count."""
        return self.translations.ngettext(one, more, count) % {"count": self.number(count), **values}

    def number(self, number: float) -> str:
        """`1,234.5`; one digit behind the point at most."""
        return str(format_decimal(number, format="#,##0.#", locale=self.locale))

    def country(self, code: str) -> str:
        """What a country (ISO alpha-2) is called; the code itself where it is none."""
        return str(self.locale.territories.get(code, code))

    def listed(self, items: Iterable[str]) -> str:
        """`one, two and three`."""
        return str(format_list(list(items), locale=self.locale))

    def share(self, part: int, whole: int) -> str:
        """`part` of `whole` in per cent; `–` of nothing. Only none is `0%` and only all is `100%`."""
        if not whole:
            return "–"
        if 0 < part * 100 < whole:
            return self.gettext("<%(share)s", share=self._percent(0.01))
        if part < whole and part * 100 > whole * 99:
            return self.gettext(">%(share)s", share=self._percent(0.99))
        return self._percent(part / whole)

    def _percent(self, ratio: float) -> str:
        return str(format_percent(ratio, locale=self.locale))

    def talked(self, seconds: int) -> str:
        """How long many calls took together: `48 s`, `12 min`, `1,203 h 05 min`. What is left of the unit is cut off."""
        if seconds < 60:
            return self.gettext("%(seconds)s s", seconds=seconds)
        if seconds < 3600:
            return self.gettext("%(minutes)s min", minutes=seconds // 60)
        hours = self.number(seconds // 3600)
        return self.gettext("%(hours)s h %(minutes)s min", hours=hours, minutes=f"{seconds % 3600 // 60:02}")

    def pause(self, hours: float) -> str:
        """How long nothing came: `under a minute`, `45 min`, `13.5 h`, `2 days 13 h`."""
        minutes = round(hours * 60)
        if minutes < 1:
            return self.gettext("under a minute")
        if minutes < 60:
            return self.gettext("%(minutes)s min", minutes=minutes)
        if hours < 48:
            return self.gettext("%(hours)s h", hours=self.number(round(hours, 1)))
        days, rest = divmod(round(hours), 24)
        told = self.ngettext("%(count)s day", "%(count)s days", days)
        return f"{told} {self.gettext('%(hours)s h', hours=rest)}" if rest else told

    def moment(self, iso: str, zone: str) -> str:
        """A time of the ledger on the clocks of a zone, to the minute: `3 Nov 2026, 16:15`. Raises `ValueError`."""
        return self.clock(wording.on_clocks(wording.moment(iso), ZoneInfo(zone)).replace(tzinfo=None))

    def clock(self, told: datetime) -> str:
        """A time without a zone, to the minute: `3 Nov 2026, 16:15`."""
        joined = str(get_datetime_format("medium", self.locale))
        time = format_skeleton("Hm", told, locale=self.locale)
        return joined.replace("{0}", time).replace("{1}", self.day(told.date()))

    def day(self, day: date, skeleton: str = "yMMMd") -> str:
        """`3 Nov 2026`; or as much of it as another of Unicode's skeletons has (`MMMd`, `yMMMEd`)."""
        return str(format_skeleton(skeleton, datetime(day.year, day.month, day.day), locale=self.locale))  # noqa: DTZ001

    def days(self, first: date, last: date) -> str:
        """From a day to a day, both included: `1–3 Nov 2026`."""
        return self.day(first) if first == last else str(format_interval(first, last, "yMMMd", locale=self.locale))


@cache
def words_of(code: str) -> Words:
    """The words of a language that `LOCALES` names. Raises `KeyError` where it does not."""
    locale = Locale.parse(LOCALES[code])
    if code == "en":
        return Words(code, locale, NullTranslations())
    text = files("sync_connector.report").joinpath(f"locale/{code}.po").read_bytes()
    compiled: Any = BytesIO()
    mofile.write_mo(compiled, pofile.read_po(BytesIO(text), locale=code, abort_invalid=True))
    compiled.seek(0)
    return Words(code, locale, GNUTranslations(compiled))


ENGLISH = words_of("en")
