"""Trains the dictionary that small pages are packed with: `python -m tests.benchmarks.dictionary`.

Writes `sync/data/line-1.dict`. The samples are pages of ten entries and their answers, with the words of the catalogue
and of forms and with stock phrases for free text, under a seed of their own: never a page that is measured. A
dictionary is part of the protocol: once a release has shipped one it is never trained again under the same number,
because the other side has the old one. A receiver without it refuses, and the sender packs without.
"""

import sys
from collections.abc import ByteString, Iterator
from pathlib import Path
from typing import Final

import zstandard

from schemas.codec import encode
from schemas.wire import Page
from sync.frame import DICTIONARY_BYTES_MAX, LINE_DICTIONARY, SMALL_LEVEL
from tests.benchmarks.corpus import County, Device, Township
from tests.benchmarks.paperwork import TEMPLATE_TEXT
from tests.benchmarks.talking import Exchange, hand_up

SEED: Final = 20_260_601
TOWNSHIPS: Final = 3
ROUNDS: Final = 14
ROUND_ENTRIES: Final = 150
PAGE_ENTRIES: Final = 10
FILE: Final = Path(__file__).parents[2] / "sync" / "data" / f"line-{LINE_DICTIONARY}.dict"


def sample_pages() -> Iterator[Page]:
    """Small pages in both directions, from villages to townships and from townships to the county."""
    county = County(SEED)
    for town in county.townships(TOWNSHIPS, TEMPLATE_TEXT):
        talked: list[Exchange] = []

        def talk(village: Device, town: Township = town, talked: list[Exchange] = talked) -> None:
            talked += hand_up(village, town.device, entries_max=PAGE_ENTRIES)

        for _ in range(ROUNDS):
            town.work(ROUND_ENTRIES, talk)
            talked += hand_up(town.device, county.device, entries_max=PAGE_ENTRIES)
        for exchanged in talked:
            yield from (exchanged.up, exchanged.down)


def train() -> bytes:
    """The dictionary, at most 64 KiB."""
    samples: list[ByteString] = [encode(page) for page in sample_pages()]
    return zstandard.train_dictionary(DICTIONARY_BYTES_MAX, samples, level=SMALL_LEVEL, d=8, steps=40).as_bytes()


def main() -> int:
    data = train()
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_bytes(data)
    print(f"{FILE.name}: {len(data)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
