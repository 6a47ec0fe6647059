"""Courier bundles for people without a terminal: read a file from a stick, or get one to put on it, in the browser.

    POST /line/bundles        files (multipart `bundle`): take them in; answers with the page of the line
    POST /line/bundles/write  `receiver`, perhaps `after`: a bundle as a download

Whoever works at this node may carry a stick: what it brings is judged as on the line, and what it takes away only the
receiver (and the county) can open. Next: `office.bundles`, `office.web.sticks` (the words).
"""

from typing import Final, cast

from litestar import Response, Router, post
from litestar.datastructures import UploadFile

from office.cli_bundle import SKIPPED
from office.sentences import told
from office.web import guards
from office.web.guards import EVERYBODY, AnyRequest, Scope
from office.web.i18n import n_, translate
from office.web.inputs import read_form
from office.web.pages.line import render_line
from office.web.site import language_for, site_of
from office.web.sticks import InView, in_view, refused_view
from schemas.codec import Malformed
from schemas.names import NodeId
from schemas.refusals import Refused
from sync import second_path
from sync.core.bundle import BUNDLE_BYTES_MAX
from sync.core.errors import RemoteFault

Page = Response[object]

FILES_MAX: Final = 8
"""Files in one upload; a stick with more is read in two goes."""

UPLOAD_BYTES_MAX: Final = 4 * BUNDLE_BYTES_MAX
"""Kept on the disk while they are read, one at a time in memory."""

NAME_CHARACTERS_MAX: Final = 120

BUNDLE_TYPE: Final = "application/octet-stream"

NO_FILE: Final = n_("Choose the bundle files on the stick; their names end in .tongban.")
TOO_MANY: Final = n_("At most %(count)s files at once; read the others afterwards.")


@post(
    "/",
    opt=guards.officer(Scope.THIS_NODE, EVERYBODY),
    status_code=200,
    request_max_body_size=UPLOAD_BYTES_MAX,
)
async def read_bundles(request: AnyRequest) -> Page:
    """Take in the files of the form, in the order of their numbers."""
    language = language_for(request)
    sent = cast("list[object]", (await request.form()).getall("bundle", []))
    files = [one for one in sent if isinstance(one, UploadFile) and one.filename]
    if not files:
        return await render_line(request, status=422, problem=translate(NO_FILE, language))
    if len(files) > FILES_MAX:
        return await render_line(request, status=422, problem=translate(TOO_MANY, language, count=FILES_MAX))
    views = [await _read(request, file) for file in sorted(files, key=lambda one: one.filename)]
    # What is for others may stay on the stick: no trouble, and nothing to show as such.
    bad = any(not view.is_good for view in views)
    return await render_line(request, status=422 if bad else 200, read=tuple(views))


async def _read(request: AnyRequest, file: UploadFile) -> InView:
    node, language = site_of(request).node, language_for(request)
    name = "".join(sign for sign in file.filename if sign.isprintable())[-NAME_CHARACTERS_MAX:]
    try:
        return in_view(name, await node.bundles.read(await file.read(BUNDLE_BYTES_MAX + 1)), language)
    except (Malformed, RemoteFault) as refusal:
        return refused_view(name, told(refusal, language.value), is_good=refusal.code in SKIPPED)


@post("/write", opt=guards.officer(Scope.THIS_NODE, EVERYBODY), status_code=200)
async def write_bundle(request: AnyRequest) -> Response[bytes]:
    """A bundle for a neighbour, as a download. It counts as written: a browser does not say what became of it."""
    form = await read_form(request)
    bundles = site_of(request).node.bundles
    receiver = NodeId(form.text("receiver"))
    after = form.text("after")
    if second_path.find_link(site_of(request).node.books, receiver) is None:
        raise Refused(
            "bundle_no_neighbour",
            "该收件单位不是本单位的上级或直接下级，没有写入；请返回线路页面重新选择。",
            "This is not the office above or directly below this one; nothing was written. Go back to the page of the "
            "line and choose again.",
        )
    gone, data = await bundles.write(receiver, after=int(after) if after.isdecimal() and len(after) < 12 else None)
    await bundles.keep(receiver, [gone.serial], "browser")
    disposition = {"content-disposition": f'attachment; filename="{gone.name}"'}
    return Response(data, media_type=BUNDLE_TYPE, headers=disposition)


router = Router("/line/bundles", route_handlers=[read_bundles, write_bundle])
