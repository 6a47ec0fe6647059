"""What this node said of due days: before they came, when they had passed, when a calendar moved them.

Only of cases that the office reads, and without whom they are about. Never says anything itself: `office.reminders`.
"""

from typing import Final

from litestar import Response, Router, get

from office.web import deadlines, guards
from office.web.deadlines import reminder_view
from office.web.guards import CASEWORK, AnyRequest, Scope
from office.web.site import site_of

REMINDERS_SHOWN: Final = 100
"""The newest: two or three days of a township."""


@get("/", opt=guards.officer(Scope.READABLE_CASES, CASEWORK))
async def list_reminders(request: AnyRequest) -> Response[object]:
    """The newest reminders about the office's cases."""
    site, signed_in = site_of(request), guards.get_signed_in(request)
    latest = await site.node.reminders.latest(signed_in.office, REMINDERS_SHOWN)
    rows = [reminder_view(one) for one in latest]
    return await site.render(request, "reminders.html", back="/reminders", rows=rows, deadlines=deadlines)


router = Router("/reminders", route_handlers=[list_reminders])
