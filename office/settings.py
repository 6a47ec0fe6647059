"""One TOML file and the environment: everything that an operator can set, each with its meaning and its default.

`TONGBAN_<FIELD>` in the environment beats the file. An unknown key is refused with the nearest known one, so that a
typing error never silently means the default. Never holds a secret: keys are files of their own (`office.paths`).
Next: `office.node`, which reads this once at start.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from sync.core.errors import LocalFault

ENVIRONMENT_PREFIX: Final = "TONGBAN_"
PASSPHRASE_VARIABLE: Final = ENVIRONMENT_PREFIX + "PASSPHRASE_FILE"
"""Names the file from which a village is unlocked without anybody (`office.locking.read_passphrase`)."""
NOT_SETTINGS: Final = (ENVIRONMENT_PREFIX + "HOME", PASSPHRASE_VARIABLE)
SETTINGS_BYTES_MAX: Final = 64 * 1024
"""A settings file of 20 lines is 1 KiB; larger is not one."""

Port = Annotated[int, Meta(ge=0, le=65535)]


class Settings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What can be set. The comment under each field is what `doctor` and the sample file show."""

    database: str = ""
    """Empty = the SQLite file in the node's folder; or postgresql+asyncpg://user@host/name at the hub."""
    host: str = "127.0.0.1"
    """Address on which this node listens. Anything but loopback is served over TLS."""
    port: Port = 8610
    """Port on which this node listens; 0 = any free one."""
    address: str = ""
    """The address that others reach this node by, as printed on enrolment sheets; empty = made from host and port."""
    certificate_names: str = ""
    """Further names and IP addresses under which browsers reach this node, with blanks between them. The certificate
    that is made at the first start names them beside `host`, `address` and, for all addresses, this machine's name."""
    parent: str = ""
    """The address of the node above; empty = the one on the enrolment sheet."""
    county: str = ""
    """At a village: the address of the county's node, for when the township has been silent for 72 hours; empty = the
    one that came with the enrolment. Only this village's own records go there, and what is meant for it comes back."""
    language: Literal["zh-CN", "en"] = "zh-CN"
    """Language of pages and messages before somebody signs in."""
    sync_every_s: Annotated[int, Meta(ge=1, le=86_400)] = 3600
    """How often to talk upward when there is nothing to say; at least daily. New work is sent at once."""
    backoff_max_s: Annotated[int, Meta(ge=1, le=86_400)] = 900
    """Longest wait between two attempts on a line that is down."""
    idle_timeout_s: Annotated[float, Meta(ge=0.1, le=600)] = 30.0
    """Silence after which a connection is given up. On idleness, never on the whole transfer."""
    cases_remembered: Annotated[int, Meta(ge=16, le=1_000_000)] = 500
    """Case files kept in memory, about 4 KiB each; a hub does well with 20000."""
    auto_lock_minutes: Annotated[int, Meta(ge=0, le=1440)] = 10
    """At a village: after so many minutes without work all are signed out, and the store is locked once nothing waits
    to be sent; while it is locked the line rests. So it is when the last one signs out. 0 = only by the button."""
    auto_lock_minutes_max: Annotated[int, Meta(ge=0, le=1440)] = 60
    """At a village: so long the store stays open after the last work for what still waits to be sent. Where the line
    works at odd hours only, more minutes send more of it by themselves, and leave a lost computer open for as long."""
    device_secret: str = ""
    """At a village: where the computer keeps its own half of the passphrases. Empty = DPAPI on Windows, else none; a
    path = a file on a medium kept apart; credential:NAME = what systemd hands over. It counts from the next sign-in."""
    service_phone: str = ""
    """Telephone of this office, printed on slips and notices where the catalogue names no other."""
    complaint_phone: str = ""
    """Where to complain, printed on slips and notices where the catalogue names no other."""
    query_address: str = ""
    """Address of the page where residents look up their case, as https://host/query. The slip's QR code leads there,
    with number and code behind a #, so that they reach no server's log; empty = the QR code holds number and code."""
    backup_recipients: str = ""
    """Public keys that may open this node's backups beside its own and the one above: age1… or ssh-ed25519 …, with
    commas between them."""
    closed_cases_days: Annotated[int, Meta(ge=45, le=36_500)] = 45
    """At a village: for how many days the county must be known to hold a closed case before its content leaves this
    computer, by the county's own days. Not less than 45: an older backup than 35 days is never restored."""
    retention: str = "30"
    """At the county: for how many years closed cases are kept, counted from the year after their end; then `erase due`
    lists them. A number or permanent for all items, then single items, as 30, RS01=10, MZ03=permanent."""
    audit: dict[str, int] = {}
    """At the county: thresholds of audit rules that differ from the defaults, each by its name in `hub audit rules`, as
    { reminder_days = 2 }."""
    audit_pairs: str = ""
    """At the county: duties that one officer may not both do in a case of an item, as kinds of entry or step.<code>:
    RS05=custody.accepted+case.decided, LY01=step.survey+case.decided. Empty = none is declared."""
    audit_batch_items: str = ""
    """At the county: items that are rightly handled in groups, as RS03, YB02: many at once are no finding."""
    audit_repeated_items: str = ""
    """At the county: items that one person may rightly bring again within a year, as NY02, WJ02; they take the place of
    those that the audit knows. Empty = those; none = not even those."""
    postgres_programs: str = ""
    """Folder of pg_dump and pg_restore, where they are not found by themselves."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """How much is written to the log. Never personal data, whatever the level."""


FIELDS: Final = tuple(field.name for field in msgspec.structs.fields(Settings))


def load_settings(path: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of a node: the file if it is there, the environment over it.

    Raises `LocalFault` `bad_settings` naming the field, what is wrong with it and, for an unknown key, the nearest one.
    """
    values: dict[str, object] = {}
    if path.exists():
        values |= _read_toml(path)
    stated = _from_environment(os.environ if environment is None else environment)
    values |= stated
    for key in values:
        if key not in FIELDS:
            raise _unknown(key, _place(path, key, stated))
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        # msgspec names the field at the end: `$.port`.
        place = _place(path, str(error).rpartition("$.")[2].strip("`"), stated)
        raise LocalFault("bad_settings", f"{place}: {error}; correct this setting and start again") from error


def _place(path: Path, key: str, stated: Mapping[str, object]) -> str:
    """Where a setting was read: the environment beats the file."""
    return f"{ENVIRONMENT_PREFIX}{key.upper()} in the environment" if key in stated else str(path)


def _read_toml(path: Path) -> dict[str, object]:
    try:
        if path.stat().st_size > SETTINGS_BYTES_MAX:
            raise LocalFault("bad_settings", f"{path} is larger than any settings file; put the right one there")
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LocalFault("bad_settings", f"{path} cannot be read as TOML ({error}); correct that line") from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    return {
        name.removeprefix(ENVIRONMENT_PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(ENVIRONMENT_PREFIX) and name not in NOT_SETTINGS
    }


def _unknown(key: str, place: str) -> LocalFault:
    nearest = difflib.get_close_matches(key, FIELDS, n=1, cutoff=0.0)
    return LocalFault("bad_settings", f"there is no setting {key!r} ({place}); did you mean {nearest[0]!r}?")


def sample_settings() -> str:
    """A settings file with every field at its default, commented out: what `init` leaves for the operator."""
    defaults = Settings()
    lines = ["# Tongban: settings of this node. Remove the # before a line to change it."]
    lines += [
        f"#{field.name} = {msgspec.json.encode(getattr(defaults, field.name)).decode()}"
        for field in msgspec.structs.fields(Settings)
    ]
    return "\n".join(lines) + "\n"
