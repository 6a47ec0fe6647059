"""Enrolment sheets: one page for each office, as text for a screen and as HTML with a QR code for a printer.

A sheet carries what a device must know before it trusts anybody: the address, the digest of the county's root key, the
one-time code. The same stands in one line, `tongban:…`, inside the QR code, for whoever copies instead of typing.
Never kept longer than needed: a code on a sheet is a key. Next: `office.enrolling`.
"""

import html
import io
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import segno
from markupsafe import Markup

from office.enrolling import EnrolmentRefused, Sheet, is_address, plain_code
from office.node import is_loopback
from office.paths import write_private
from schemas.casework.clocks import CHINA_TIME
from schemas.names import Instant, OfficeId

LINE_PREFIX: Final = "tongban:"
DIGEST_CHARACTERS: Final = 64


def line_of(sheet: Sheet) -> str:
    """The whole sheet in one line: `tongban:<office>;<address>;<county digest>;<code>`."""
    return f"{LINE_PREFIX}{sheet.office};{sheet.address};{sheet.county_digest};{sheet.code}"


def read_line(text: str) -> Sheet:
    """A sheet from its line (name and expiry unknown). Raises `EnrolmentRefused` when it is not one."""
    # On a sheet the line stands inside the command that is to be typed, in quotes.
    _, _, rest = text.partition(LINE_PREFIX)
    found = rest.split(maxsplit=1)[0].strip("'\"") if rest.strip() else ""
    parts = found.split(";")
    if len(parts) != 4 or len(parts[2]) != DIGEST_CHARACTERS:
        raise EnrolmentRefused(
            "sheet_malformed",
            "这不是注册单上的注册行；请完整复制以 tongban: 开头的一行。",
            "This is not the line of an enrolment sheet; copy the whole line that begins with tongban:",
        )
    office, address, digest, code = parts
    return Sheet(OfficeId(office), "", address, digest, plain_code(code), Instant(0))


def check_address(address: str) -> None:
    """Raise `EnrolmentRefused` unless other computers could reach this node there: paper cannot be corrected."""
    host = urlsplit(address).hostname or "" if is_address(address) else ""
    if host and not is_loopback(host) and not _is_any(host):
        return
    raise EnrolmentRefused(
        "sheet_address",
        f"注册单上的地址将是 {address}，其他电脑无法访问，因此未作任何改动；请先在 tongban.toml 中设置 host 和 "
        "address（形如 https://host:port），仅在本机试用时请加 --local。",
        f"The sheets would name {address}, which other computers cannot reach, so nothing was changed; set host and "
        "address (https://host:port) in tongban.toml first, or add --local to try everything on this one machine.",
    )


def _is_any(host: str) -> bool:
    """Whether this is no machine but the wish to listen on all addresses: 0.0.0.0 or ::."""
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def text_of(sheet: Sheet) -> str:
    """The sheet for a screen or a file, Chinese and English."""
    until = _day(sheet.expires_at)
    return "\n".join(
        [
            f"通办 · 设备注册单 · Enrolment sheet — {sheet.name} ({sheet.office})",
            "",
            f"  地址 address        {sheet.address}",
            f"  县根摘要 county      {_grouped(sheet.county_digest, 8)}",
            f"  注册码 code         {_grouped(sheet.code, 4, '-')}   （一次有效 works once; 有效至 until {until}）",
            "",
            "  在本单位设备上运行 / on the office's own device:",
            f"    enrol '{line_of(sheet)}'",
            "",
        ]
    )


def html_of(sheet: Sheet) -> str:
    """The sheet for a printer: one A4 page with a QR code. Needs no other file."""
    image = io.BytesIO()
    segno.make(line_of(sheet), error="m").save(image, kind="svg", xmldecl=False, svgns=True, scale=4, border=2)
    rows = "".join(
        f"<tr><th>{html.escape(label)}</th><td>{html.escape(value)}</td></tr>"
        for label, value in (
            ("单位 Office", f"{sheet.name} ({sheet.office})"),
            ("地址 Address", sheet.address),
            ("县根摘要 County digest", _grouped(sheet.county_digest, 8)),
            ("注册码 Code", _grouped(sheet.code, 4, "-")),
            ("有效至 Valid until", _day(sheet.expires_at)),
        )
    )
    return (
        '<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>设备注册单</title><style>'
        "body{font:14px/1.6 sans-serif;margin:2cm}table{border-collapse:collapse;margin:1em 0}"
        "th,td{border:1px solid #888;padding:.4em .8em;text-align:left;word-break:break-all}"
        "@media print{body{margin:1cm}}</style>"
        f"<h1>通办 · 设备注册单</h1><table>{rows}</table>{image.getvalue().decode()}"
        "<p>本单相当于钥匙：仅交该单位负责人，注册后销毁。Treat this sheet as a key: destroy it after use.</p></html>\n"
    )


def qr_of(sheet: Sheet) -> Markup:
    """The sheet's line as a picture, for a page."""
    return Markup(segno.make(line_of(sheet), error="m").svg_inline(scale=4, border=2))  # noqa: S704 -- made by us


def save_sheets(folder: Path, sheets: list[Sheet]) -> list[Path]:
    """Write each sheet as `<office>.txt` and `<office>.html`, readable by the owner only. Returns the files."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files: list[Path] = []
    for sheet in sheets:
        for suffix, content in ((".txt", text_of(sheet)), (".html", html_of(sheet))):
            path = folder / f"{sheet.office}{suffix}"
            write_private(path, content.encode())
            files.append(path)
    return files


def _grouped(text: str, size: int, separator: str = " ") -> str:
    return separator.join(text[start : start + size] for start in range(0, len(text), size))


def _day(instant: Instant) -> str:
    return datetime.fromtimestamp(max(0, instant) / 1000, CHINA_TIME).strftime("%Y-%m-%d %H:%M")
