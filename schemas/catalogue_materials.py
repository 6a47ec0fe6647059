"""The county's dictionary of materials: one name for one material, in every item of a catalogue (统一术语).

It belongs to the file, not to the edition: once every item uses the same name, the name is enough to find a paper that
the resident has handed in before. Never reads a file. Next: `schemas.catalogue_rows`, which holds items against it.
"""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from schemas.catalogue import Fault
from schemas.catalogue_columns import LIST_ZH, Entries, Entry, Row

MATERIALS_SHEET: Final = "materials"
"""Where a fault in the dictionary is reported."""


class Material(Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the dictionary."""

    id: Annotated[str, Meta(min_length=1, max_length=40)]
    name: Entry
    aliases: Entries = ()
    """Other names that are in use and shall not be."""


def parse_materials(rows: Sequence[Row]) -> tuple[list[Material], list[Fault]]:
    """The dictionary, and what is wrong with it: each id, name and alias must occur once in it."""
    materials: list[Material] = []
    faults: list[Fault] = []
    taken: set[tuple[bool, str]] = set()
    for number, row in rows:
        key = row.get("id")
        key = key[:20] if isinstance(key, str) else ""
        try:
            material = msgspec.convert(row, Material)
        except msgspec.ValidationError:
            zh = f"应有编号（id）和名称（name），别名（aliases）可不填；{LIST_ZH}"
            faults.append(Fault(number, key, "name", zh, "needs id and name, perhaps aliases", MATERIALS_SHEET))
            continue
        materials.append(material)
        words = (("id", material.id), ("name", material.name), *(("aliases", alias) for alias in material.aliases))
        for field, word in words:
            if (field == "id", word) in taken:
                zh, en = f"“{word}”在材料字典中重复", f"{word} occurs twice in the dictionary"
                faults.append(Fault(number, key, field, zh, en, MATERIALS_SHEET))
            taken.add((field == "id", word))
    return materials, faults
