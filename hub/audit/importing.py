"""Any XES log in, figures and hits out: `hub audit import-xes`.

Independent of this county: reads no node, writes nothing but a scratch store that is gone afterwards. The log is read
in pieces, packed or not, so memory does not grow with it. The order of a trace is that of its times; events of
equal time, and events without one, keep the order of the file, and both are counted.
Never guesses what a log leaves out. Next: `hub.audit.log_reading` (the parser), `hub.audit.log_store`,
`hub.audit.log_figures`, `hub.audit.log_rules`.
"""

import gzip
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import IO, Any, Final

from msgspec import structs

from hub.audit.log_figures import Figures
from hub.audit.log_reading import DUE_KEYS, LogReader, LogRefused
from hub.audit.log_rules import Judge, Wanted, working_hours
from hub.audit.log_store import LogStore, open_store
from hub.audit.rule import Limits

PIECE_BYTES: Final = 64 * 1024
UNPACKED_BYTES_MAX: Final = 32 * 1024**3
"""Of a packed log, which could claim to be endless. Five million events have about 4 GiB."""

_GZIP: Final = b"\x1f\x8b"

Progress = Callable[[int, int], None]
"""(done, all), in MiB of the file."""

_MIB: Final = 1024 * 1024


def import_log(
    path: Path,
    limits: Limits,
    calendar: Callable[[date], bool],
    progress: Progress,
    wanted: Wanted,
    due: str = "",
) -> dict[str, Any]:
    """What a log shows, as JSON has it. `due`: the trace attribute with the due time, where it is none of the usual.

    `calendar`: whether a day is worked in China. Raises `LogRefused` for what is no log or would do harm; OSError.
    """
    with open_store(working_hours(limits, calendar)) as store:
        reader = LogReader(store, (due,) if due else DUE_KEYS)
        for piece in _pieces(path, progress):
            reader.feed(piece)
        reader.close()
        store.finish()
        figures = Figures(store)
        judge = Judge(store, limits, wanted)
        for trace, rows in store.by_trace():
            for row in rows:
                figures.event(row)
                judge.event(row)
            judge.end(trace, len(figures.seen))
            figures.end(trace)
        told = {"cases": store.traces, "events": store.events, **figures.told()}
        return told | {"rules": judge.told(), "log": _told_log(reader, store)}


def _told_log(reader: LogReader, store: LogStore) -> dict[str, Any]:
    """What the log leaves out, and how it was read all the same."""
    return {
        "xes_version": reader.version,
        "extensions": reader.extensions,
        "order": "time, then file",
        "assumed_zone": "Asia/Shanghai" if reader.tally.without_zone else None,
        "cases_without_events": store.empty,
        "events_before_their_predecessor": store.disordered,
        **structs.asdict(reader.tally),
    }


def _pieces(path: Path, progress: Progress) -> Iterator[bytes]:
    """The log's bytes, unpacked. Raises `LogRefused`, OSError."""
    if path.exists() and not path.is_file():
        raise LogRefused(
            "xes_no_file",
            f"{path.name} 不是普通文件，没有读取；请指定磁盘上的 .xes 或 .xes.gz 文件。",
            f"{path.name} is no plain file, so it was not read; name an .xes or .xes.gz file on the disk.",
        )
    total = path.stat().st_size
    with path.open("rb") as file, _unpacked(file) as log:
        read, shown = 0, -1
        while piece := log.read(PIECE_BYTES):
            read += len(piece)
            if read > UNPACKED_BYTES_MAX:
                raise LogRefused(
                    "xes_too_large",
                    f"日志解压后超过 {UNPACKED_BYTES_MAX // 1024**3} GiB，没有统计；请按年份或单位分开导出后再导入。",
                    f"The log unpacks to more than {UNPACKED_BYTES_MAX // 1024**3} GiB, so nothing was counted; export "
                    "it by year or by office.",
                )
            yield piece
            done = file.tell() // _MIB
            if done != shown:
                shown = done
                progress(done, total // _MIB + 1)
    progress(total // _MIB + 1, total // _MIB + 1)


@contextmanager
def _unpacked(file: IO[bytes]) -> Generator[IO[bytes]]:
    """The log inside a file that may be packed, told by its first bytes and not by its name."""
    is_packed = file.read(len(_GZIP)) == _GZIP
    file.seek(0)
    if not is_packed:
        yield file
        return
    try:
        with gzip.GzipFile(fileobj=file) as packed:
            yield packed  # pyright: ignore[reportReturnType] - reads like any file
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise LogRefused(
            "xes_gzip_broken",
            f"压缩的日志已损坏或不完整，没有统计任何内容；请重新复制或导出。原文：{error}",
            f"The packed log is damaged or cut off, so nothing was counted; copy or export it anew: {error}",
        ) from error
