"""What a new edition changes: items added, removed, changed column by column, suspended and taken up again.

Read before an edition is published, by those who answer for it. Columns are those of the county's own table
(`schemas.catalogue_columns`), so a change is named as it was written. Never judges whether a change is right.
"""

from datetime import date
from typing import Final

from msgspec import Struct

from schemas.catalogue import Edition, ServiceItem
from schemas.catalogue_columns import COLUMNS, show_value
from schemas.catalogue_rows import row_of

NOTHING: Final = ("（空）", "(empty)")
"""How an empty column is shown, in Chinese and English."""


class FieldChange(Struct, frozen=True):
    """One column of one item, before and after."""

    column: str
    """Its English code."""
    old: object
    new: object


class ItemChange(Struct, frozen=True):
    """What a new edition changes in one item."""

    code: str
    name: str
    """As the new edition has it."""
    fields: tuple[FieldChange, ...]


class Comparison(Struct, frozen=True):
    """Two editions side by side. Items are (code, name)."""

    old: str
    """Version."""
    new: str
    added: tuple[tuple[str, str], ...]
    removed: tuple[tuple[str, str], ...]
    changed: tuple[ItemChange, ...]
    suspended: tuple[tuple[str, str], ...]
    """No new cases from now on or from a day to come; among the changed ones as well."""
    resumed: tuple[tuple[str, str], ...]

    def text(self, language: str = "zh") -> str:
        """The comparison as an official reads it, one line an item, one a changed column."""
        is_english = language.startswith("en")
        lists = (
            (self.added, "新增", "added"),
            (self.removed, "取消", "removed"),
            (self.suspended, "暂停", "suspended"),
            (self.resumed, "恢复", "resumed"),
        )
        counts = [(len(items), zh, en) for items, zh, en in lists] + [(len(self.changed), "变更", "changed")]
        if is_english:
            head = f"{self.old} → {self.new}: " + ", ".join(f"{count} {en}" for count, _, en in counts)
        else:
            head = f"{self.old} → {self.new}：" + "，".join(f"{zh} {count} 项" for count, zh, _ in counts)
        lines = [f"  {en if is_english else zh} {code} {name}" for items, zh, en in lists for code, name in items]
        for change in self.changed:
            lines.append(f"  {'changed' if is_english else '变更'} {change.code} {change.name}")
            lines += [f"    {_change_text(field, language)}" for field in change.fields]
        return "\n".join([head, *lines])


def compare(old: Edition, new: Edition) -> Comparison:
    """What `new` changes against `old`, by item code."""
    before, after = old.items, new.items
    common = [(before[code], item) for code, item in after.items() if code in before]
    changes = (ItemChange(item.code, item.name, _changes(earlier, item)) for earlier, item in common)
    day = new.effective_from
    return Comparison(
        old.version,
        new.version,
        tuple((code, item.name) for code, item in after.items() if code not in before),
        tuple((code, item.name) for code, item in before.items() if code not in after),
        tuple(change for change in changes if change.fields),
        tuple((now.code, now.name) for was, now in common if _is_halted(now, day) and not _is_halted(was, day)),
        tuple((now.code, now.name) for was, now in common if _is_halted(was, day) and not _is_halted(now, day)),
    )


def _is_halted(item: ServiceItem, day: date) -> bool:
    """Whether a suspension is in force on `day` or still to come."""
    return item.suspended_from is not None and (item.suspended_until is None or item.suspended_until >= day)


def _changes(old: ServiceItem, new: ServiceItem) -> tuple[FieldChange, ...]:
    before, after = row_of(old), row_of(new)
    return tuple(
        FieldChange(column, before[column], after[column]) for column in COLUMNS if before[column] != after[column]
    )


def _change_text(change: FieldChange, language: str) -> str:
    is_english = language.startswith("en")
    old, new = (show_value(change.column, value, language) or NOTHING[is_english] for value in (change.old, change.new))
    name = f"{change.column}: " if is_english else f"{COLUMNS[change.column].heading}："
    return f"{name}{old} → {new}"
