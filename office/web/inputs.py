"""What a request brings: forms and JSON, read once, bounded, without NUL characters.

Litestar would turn JSON nested 100,000 deep, or broken, into a 500; here both are a 400. Never trusts an address that a
caller says he has: the peer is the socket's. Next: `office.web.forms` for the fields, `office.web.errors`.
"""

from collections.abc import Mapping
from typing import Final, TypeVar, cast

import msgspec
from litestar.exceptions import ClientException

from office.web.guards import AnyRequest
from office.web.security import refuse_nul

T = TypeVar("T")

FIELDS_MAX: Final = 400
"""60 materials, twice, and the rest."""

START: Final = "/cases"


class Form:
    """The fields of a submitted form, texts only."""

    def __init__(self, fields: Mapping[str, tuple[str, ...]]) -> None:
        self._fields = fields

    def text(self, name: str) -> str:
        """The field's text; empty when it is not there."""
        return self._fields.get(name, ("",))[0]

    def texts(self, name: str) -> tuple[str, ...]:
        """All texts of a field that may come several times."""
        return self._fields.get(name, ())

    def source(self, lists: frozenset[str]) -> dict[str, object]:
        """All fields for `read_fields`: those named in `lists` with all their texts, the others with their first."""
        return {name: values if name in lists else values[0] for name, values in self._fields.items()}


async def read_form(request: AnyRequest) -> Form:
    """The form of a request. Raises 400 for files, NUL characters, characters that are none, and too many fields."""
    received = await request.form()
    fields: dict[str, tuple[str, ...]] = {}
    items = cast("list[tuple[str, object]]", list(received.multi_items()))
    if len(items) > FIELDS_MAX:
        raise ClientException("too many fields")
    for name, value in items:
        if not isinstance(value, str):
            raise ClientException("a form here holds no files")
        # U+FFFD is what broken UTF-8 is read as: a name with it would be kept, wrong, for ever.
        if "\ufffd" in name or "\ufffd" in value:
            raise ClientException("not UTF-8")
        fields[name] = (*fields.get(name, ()), value)
    refuse_nul(list(fields.items()))
    return Form(fields)


async def read_json(request: AnyRequest, kind: type[T]) -> T:
    """The JSON body as `kind`. Raises 400 for what does not read as one, however deep or broken."""
    try:
        value = msgspec.json.decode(await request.body(), type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ClientException("not the stated JSON") from error
    refuse_nul(msgspec.to_builtins(value))
    return value


def peer_of(request: AnyRequest) -> str:
    """The other end of the connection, for delays after wrong passwords. A header could say anything."""
    return request.client.host if request.client is not None else ""


def local_path(text: str) -> str:
    """A path of this node to go on to; the list of cases for anything that could lead elsewhere."""
    is_local = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isascii() and text.isprintable()
    return text if is_local and len(text) <= 200 and "\\" not in text else START
