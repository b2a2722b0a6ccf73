"""Reading what the vendor says of messages and of a click-to-call: what both generations share. Not a dialect itself.

Law: a message is called accepted only if exactly one entry speaks of it and says `sent: 1`. An entry speaks of the message
whose `id_sms_api` it has, which is ours; entries without one are matched by position *and* number where all entries agree, and
else leave whom they may mean unknown. A wrong login is only read where no message is echoed: its text may say anything.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from sync_connector.dialects import NotAReply, WrongCredentials
from sync_connector.dialects._answer import WRONG_LOGIN, codes_of, digits, numbers_of, parsed, says_wrong_login
from sync_connector.model import LINK, CallReply, Message, MessageReply, Verdict

Entry = Mapping[str, object]
_NUMBER_KEYS = ("phone_number", "phonenumber")
_ENTRY_KEYS = frozenset({"id_sms_api", "sms_per_message", "sent_time", "phone_number", "sent"})
_ECHOES = (b'"id_sms_api"', b'"phone_number"')
INFO_LIMIT = 200
"""So many signs of what the vendor says of a call are kept."""
PARTS_LIMIT = 255
"""Into more parts no SMS can be cut: a part's number is one byte."""

Unknown = MessageReply(Verdict.UNKNOWN)


def message_fields(message: Message, placeholder: str) -> dict[str, object]:
    """A message as both generations write it; what is blank is left out. The tracked link stands at `placeholder`."""
    fields: dict[str, object] = {"id_sms_api": message.id_sms_api}
    if message.date_to_send:
        fields["date_to_send"] = message.date_to_send
    fields["phone_number"] = message.phone_number
    fields["message"] = message.text.replace(LINK, placeholder) if message.url else message.text
    if message.url:
        fields["url"] = message.url
    return fields


def message_entries(body: bytes) -> list[object]:
    """The entries of an answer about messages, which is a list. Raises `NotAReply`, `WrongCredentials`."""
    reply = parsed(body)
    if isinstance(reply, list) and any(isinstance(entry, dict) and _ENTRY_KEYS & entry.keys() for entry in reply):
        return reply
    if not any(echo in body for echo in _ECHOES) and says_wrong_login(body):
        raise WrongCredentials("the answer says that the login or the access key is wrong")
    if isinstance(reply, list):
        return reply
    raise NotAReply("JSON that is no list of messages")


def message_verdicts(sent: Sequence[Message], entries: Sequence[object]) -> list[MessageReply]:
    """A reply for each message sent, from the entries of an answer."""
    speaking = _by_position(sent, entries) or _by_identity(sent, entries)
    return [_judge(speaking[position]) for position in range(len(sent))]


def _by_position(sent: Sequence[Message], entries: Sequence[object]) -> dict[int, list[Entry | None]] | None:
    """Position → its own entry, where each entry has the id of the message that stood there, or only its number, and that
    number was sent to once. Else `None`."""
    times = Counter(digits(message.phone_number) for message in sent)
    if len(entries) != len(sent) or len({message.id_sms_api for message in sent}) != len(sent):
        return None
    speaking: dict[int, list[Entry | None]] = {}
    for position, (message, entry) in enumerate(zip(sent, entries, strict=True)):
        number = digits(message.phone_number)
        if not isinstance(entry, dict):
            return None
        numbers, identity = numbers_of(entry, _NUMBER_KEYS), _identity(entry)
        named = identity == message.id_sms_api and numbers <= {number}
        if not named and not (identity == "" and numbers == {number} and times[number] == 1):
            return None
        speaking[position] = [entry]
    return speaking


def _by_identity(sent: Sequence[Message], entries: Sequence[object]) -> dict[int, list[Entry | None]]:
    """Position → the entries that have its message's id. `None` stands for an entry that contradicts it, or that has no id and
    may mean it."""
    speaking: dict[int, list[Entry | None]] = defaultdict(list)
    by_id: dict[str, list[int]] = defaultdict(list)
    by_number: dict[str, list[int]] = defaultdict(list)
    for position, message in enumerate(sent):
        by_id[message.id_sms_api].append(position)
        by_number[digits(message.phone_number)].append(position)
    for entry in entries:
        if not isinstance(entry, dict):
            continue
        numbers, identity = numbers_of(entry, _NUMBER_KEYS), _identity(entry)
        if identity == "":
            for position in {position for number in numbers for position in by_number.get(number, ())}:
                speaking[position].append(None)
            continue
        meant = by_id.get(identity, []) if identity is not None else []
        for position in meant:
            agrees = len(meant) == 1 and numbers <= {digits(sent[position].phone_number)}
            speaking[position].append(entry if agrees else None)
    return speaking


def _identity(entry: Entry) -> str | None:
    """The `id_sms_api` of an entry as text, `""` where it has none; `None` where it is no id at all."""
    said = entry.get("id_sms_api")
    if said is None:
        return ""
    return str(said) if isinstance(said, str | int) and not isinstance(said, bool) else None


def _judge(speaking: Sequence[Entry | None]) -> MessageReply:
    if len(speaking) != 1 or (entry := speaking[0]) is None:
        return Unknown
    said = entry.get("sent")
    if isinstance(said, float):  # it equals a 1, and is none
        return Unknown
    if said in (1, "1"):
        return MessageReply(Verdict.ACCEPTED, _parts(entry))
    return MessageReply(Verdict.REFUSED, _parts(entry)) if said in (0, "0") else Unknown


def _parts(entry: Entry) -> int | None:
    said = entry.get("sms_per_message")
    if isinstance(said, str) and said.isascii() and said.isdigit():
        said = int(said[:4])
    return said if isinstance(said, int) and not isinstance(said, bool) and 1 <= said <= PARTS_LIMIT else None


def call_verdict(body: bytes) -> CallReply:
    """What the one entry of an answer says of a call. Raises `NotAReply`, `WrongCredentials`."""
    reply = parsed(body)
    entry = reply[0] if isinstance(reply, list) and len(reply) == 1 else None
    if not isinstance(entry, dict) or "result" not in entry:
        if says_wrong_login(body):
            raise WrongCredentials("the answer says that the login or the access key is wrong")
        raise NotAReply("JSON that is no answer to a call")
    codes, said = codes_of(entry), entry.get("info")
    info = " ".join(said.split())[:INFO_LIMIT] if isinstance(said, str) else ""
    match entry["result"]:
        case "success":
            return CallReply(Verdict.ACCEPTED, codes, info)
        case "failed":
            if not codes and WRONG_LOGIN.search(info):
                raise WrongCredentials("the answer says that the login or the access key is wrong")
            return CallReply(Verdict.REFUSED, codes, info)
        case _:
            return CallReply(Verdict.UNKNOWN, codes, info)
