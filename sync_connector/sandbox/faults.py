"""Which fault a request to the sandbox meets: by options (`NAME[=VALUE][@SHARE]`) or by a schedule file.

Law: pure. What a request meets hangs on the seed, on its place among the requests and on what is asked, not on time nor on who
asks; so a night of faults can be had again. What a fault does to an answer is `spoiling`'s, how it is done `misbehaving`'s.

A schedule is a TOML file of steps; of those that a request meets, the first counts:

    [[steps]]
    after = 10        # requests that pass before it begins; 0 if left out
    for = 5           # requests for which it lasts; to the end if left out
    fault = "429=2"   # as in the option
    share = 0.3       # of these requests; all if left out
    of = "contacts"   # or "messages", "calls"; all if left out
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sync_connector.errors import FixSetup

What = Literal["contacts", "messages", "calls"]


class Kind(NamedTuple):
    """A kind of fault. `value`: what is written behind its `=` (`""`: nothing can be). `usual`: what that is where nothing is
    written; `None`: it must be. `taken`: the vendor takes what was sent, whatever becomes of the answer."""

    value: str
    usual: str | None
    taken: bool
    told: str


KINDS = {
    "latency": Kind("SECONDS", "1", True, "the answer is late"),
    "429": Kind("RETRY", "", False, "too many requests; RETRY: a Retry-After in seconds (5) or as a date (date+5)"),
    "500": Kind("", "", False, "a server error"),
    "500-taken": Kind("", "", True, "a server error after everything was taken"),
    "502": Kind("", "", False, "a gateway's error"),
    "503": Kind("RETRY", "", False, "too busy; RETRY as of 429"),
    "timeout": Kind("", "", False, "no answer"),
    "timeout-taken": Kind("", "", True, "no answer, though everything was taken"),
    "reset": Kind("BYTE", "", True, "the connection is reset before this byte of the answer, head included; any, if left out"),
    "cut": Kind("BYTE", "", True, "the connection is closed there"),
    "truncated": Kind("BYTES", "", True, "so many bytes of the JSON; any number, if left out"),
    "html": Kind("", "", True, "a page of HTML with status 200"),
    "warning": Kind("", "", True, "a PHP warning before the JSON"),
    "missing": Kind("ENTRIES", "1", True, "entries left out of the answer"),
    "repeated": Kind("ENTRIES", "1", True, "entries that stand in it twice"),
    "surplus": Kind("ENTRIES", "1", True, "entries about nobody who was sent"),
    "reordered": Kind("", "", True, "entries in another order"),
    "other-keys": Kind("", "", True, "phonenumber for phone_number, firstname for first_name, and back"),
    "reformatted": Kind("", "", True, "numbers as 33612…, +33 6 12…, 0033612… or a JSON number"),
    "wrong-types": Kind("", "", True, "numbers, lists and nulls where texts belong"),
    "poisoned": Kind("NUMBER", None, False, "500 whenever this phone number is among those sent"),
    "413": Kind("BYTES", "2000", False, "too large, for requests of more than so many bytes"),
    "slow": Kind("SECONDS", "1", True, "the answer comes byte by byte, so many seconds apart"),
    "huge": Kind("BYTES", "67108864", True, "so many spaces before the JSON"),
    "expired": Kind("REQUESTS", "0", False, "401 after so many more requests: the password is not valid any longer"),
}
FORMS = {
    "SECONDS": r"\d{1,4}(\.\d{1,6})?",
    "RETRY": r"(date\+)?\d{1,6}",
    "NUMBER": r"\+\d{4,15}",
    "BYTE": r"\d{1,9}",
    "BYTES": r"\d{1,9}",
    "ENTRIES": r"\d{1,9}",
    "REQUESTS": r"\d{1,9}",
}


class Asked(NamedTuple):
    """A request as far as faults look at it: what it sends, how many bytes it has, and the phone numbers in it."""

    what: What
    size: int
    numbers: frozenset[str]


class Step(NamedTuple):
    """A fault, and which requests meet it: of those behind the first `after` and within the next `lasts`, a share (0 … 1)."""

    name: str
    value: str = ""
    share: float = 1.0
    after: int = 0
    lasts: int | None = None
    of: What | None = None

    def meets(self, place: int, asked: Asked) -> bool:
        """Whether a request of that place (the first is 0) may meet it; its share is not looked at."""
        since = place - self.after
        if since < 0 or (self.lasts is not None and since >= self.lasts) or self.of not in (None, asked.what):
            return False
        match self.name:
            case "poisoned":
                return self.value in asked.numbers
            case "413":
                return asked.size > int(self.value)
            case "expired":
                return since >= int(self.value)
        return True


@dataclass(frozen=True, slots=True)
class Met:
    """The fault that a request meets, and the chance by which it is played out."""

    name: str
    value: str
    chance: random.Random

    @property
    def taken(self) -> bool:
        """Whether the vendor takes what was sent."""
        return KINDS[self.name].taken


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong, in the order in which it is looked at."""

    steps: tuple[Step, ...] = ()
    seed: int = 1

    def met(self, place: int, asked: Asked) -> Met | None:
        """The fault of a request: the first whose requests it is among."""
        for index, step in enumerate(self.steps):
            if step.meets(place, asked):
                chance = random.Random(f"{self.seed} {index} {place}")  # noqa: S311 (to be had again)
                if chance.random() < step.share:
                    return Met(step.name, step.value, chance)
        return None


def retry_after(value: str, now: datetime) -> str | None:
    """The header for a RETRY of the options, in seconds or as a date; none for a blank one. `now` is in UTC."""
    if value.startswith("date+"):
        return format_datetime(now + timedelta(seconds=int(value[5:])), usegmt=True)
    return value or None


def parse(text: str) -> Step:
    """`NAME[=VALUE]`, as in a schedule. Raises `ValueError` with what is wrong in words."""
    name, equals, value = text.strip().partition("=")
    kind = KINDS.get(name)
    if kind is None:
        raise ValueError(f"there is no fault {name!r}; there are: {', '.join(KINDS)}")
    if not equals:
        if kind.usual is None:
            raise ValueError(f"{name} needs a value: write {name}={kind.value}")
        return Step(name, kind.usual)
    if not kind.value:
        raise ValueError(f"{name} has no value; write {name} alone")
    if not re.fullmatch(FORMS[kind.value], value, re.ASCII):
        raise ValueError(f"{name}={value}: {value!r} is no {kind.value}")
    return Step(name, value)


def from_options(options: Sequence[str]) -> tuple[Step, ...]:
    """The steps that `NAME[=VALUE][@SHARE]` ask for. Raises `FixSetup` with every fault."""
    steps, wrong = [], []
    for option in options:
        named, at, share = option.partition("@")
        try:
            step = parse(named)
            if at and not (re.fullmatch(r"\d+(\.\d+)?|\.\d+", share, re.ASCII) and float(share) <= 1):
                raise ValueError(f"@{share}: write a share between 0 and 1, as in {step.name}@0.2")
            steps.append(step._replace(share=float(share)) if at else step)
        except ValueError as fault:
            wrong.append(f"--fault {option}: {fault}")
    if wrong:
        raise FixSetup(*wrong)
    return tuple(steps)


class _Step(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    fault: str
    share: float = Field(default=1.0, ge=0, le=1)
    after: int = Field(default=0, ge=0)
    lasts: int | None = Field(default=None, ge=1, alias="for")
    of: What | None = None


def from_file(path: str | Path) -> tuple[Step, ...]:
    """The steps of a schedule file. Raises `FixSetup` with every fault of it."""
    try:
        raw = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise FixSetup(f"{path}: {fault}") from None
    wrong = [f"{path}: {name}: there is no such setting; a schedule has [[steps]]" for name in raw if name != "steps"]
    listed = raw.get("steps", [])
    if not isinstance(listed, list) or not listed:
        raise FixSetup(*wrong, f'{path}: there is no step in it; write [[steps]] and below it fault = "500"')
    steps = []
    for number, given in enumerate(listed, start=1):
        try:
            read = _Step.model_validate(given)
        except ValidationError as faults:
            wrong += [f"{path}: step {number}: {sentence}" for sentence in _sentences(faults)]
            read = None
        named = given.get("fault") if isinstance(given, dict) else None
        if isinstance(named, str):  # looked at beside the rest, so that all is told at once
            try:
                step = parse(named)
            except ValueError as fault:
                wrong.append(f"{path}: step {number}: fault: {fault}")
            else:
                if read is not None:
                    steps.append(Step(step.name, step.value, read.share, read.after, read.lasts, read.of))
    if wrong:
        raise FixSetup(*wrong)
    return tuple(steps)


def _sentences(faults: ValidationError) -> list[str]:
    return [
        f"{'.'.join(str(part) for part in fault['loc']) or 'it'}: "
        + ("there is no such setting" if fault["type"] == "extra_forbidden" else fault["msg"])
        for fault in faults.errors(include_url=False, include_input=False)
    ]
