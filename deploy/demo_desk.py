"""One sample officer at one node's JSON interface, as a browser would be: signed in, with the form token, one session.

Never bypasses a guard and never retries by itself: the same operation id is sent again only by whoever means the same
action (RULINGS B10). Next: `office.web.api`, which answers.
"""

import asyncio
import io
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

import httpx

from deploy.demo_processes import DemoFailed
from deploy.demo_scenario import BY_KEY, PASSWORD, Person, Story
from office.clock import SystemClock
from office.seeds import load_catalogue
from schemas.casework.clocks import day_of
from schemas.casework.mandates import SCOPES_OF, words_of
from schemas.catalogue import Delegation
from schemas.identity import RESIDENT_CARD

ANSWER_S_MAX: Final = 20.0
"""Seven nodes on two slow cores may all work at once."""


class ActRefused(Exception):
    """The node refused, before anything was written."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


def materials_of(story: Story) -> list[str]:
    """What the resident brings: all that the sample catalogue asks for, but for what the story wants to be missing."""
    listed = load_catalogue().get_item(story.item).materials
    asked = (*listed.required, *listed.deferrable, *listed.pledged)
    return [name for name in asked if name not in story.missing]


def mandate_of(story: Story, today: date) -> dict[str, object] | None:
    """What the resident signed, so that the agent may apply in their name; None where they must sign the application
    themselves.
    """
    item = load_catalogue().get_item(story.item)
    if item.delegation is not Delegation.YES:
        return None
    scopes, until = SCOPES_OF[item.delegation], today + timedelta(days=90)
    return {
        "scopes": scopes,
        "until": until.isoformat(),
        "signed_by": story.applicant,
        "signed_how": "thumbprint",
        "read_back": words_of(item, story.applicant, BY_KEY[story.village].name, scopes, until),
    }


def sample_photograph() -> bytes:
    """A picture of nobody and nothing: noise, no two alike."""
    from PIL import Image

    content = io.BytesIO()
    Image.effect_noise((800, 600), 64).convert("RGB").save(content, "JPEG")
    return content.getvalue()


def today_of() -> date:
    """The day in China by this machine's clock."""
    return day_of(SystemClock().now())


class OfficerDesk:
    """One officer's session."""

    def __init__(self, address: str, person: Person) -> None:
        self.person = person
        self._signing_in = asyncio.Lock()
        self._is_signed_in = False
        # Loopback never goes through a proxy that the machine may have set.
        self._client = httpx.AsyncClient(base_url=address, timeout=ANSWER_S_MAX, trust_env=False)

    async def sign_in(self) -> None:
        """Open the session unless it is open. Raises `DemoFailed`: the sample accounts must work."""
        async with self._signing_in:
            if not self._is_signed_in:
                await self._open_session()
                self._is_signed_in = True

    async def _open_session(self) -> None:
        token = (await self._client.get("/api/session")).json()["csrf"]
        given = {"login": self.person.login, "password": PASSWORD}
        answer = await self._client.post("/api/session", json=given, headers={"x-csrftoken": token})
        if answer.status_code != 200:
            raise DemoFailed(f"{self.person.login} cannot sign in at {self._client.base_url}: {answer.text}")
        self._client.headers["x-csrftoken"] = (await self._client.get("/api/session")).json()["csrf"]

    async def file_case(self, story: Story, operation: bytes, papers: Sequence[str] = ()) -> bytes:
        """File the story's case, or its list of persons. Returns its id. Raises `ActRefused`.

        `papers`: words of `send_paper`; nodes that know no papers know no such field.
        """
        if story.rows:
            rows = [{"name": name, "document_number": number} for name, number in story.rows]
            listed = await self._send("/api/lists", {"item": story.item, "rows": rows})
            return bytes.fromhex(listed["case"])
        slip = await self._send(
            "/api/cases",
            {
                "operation": operation.hex(),
                "item": story.item,
                "applicant": {
                    "name": story.applicant,
                    "document_type": RESIDENT_CARD,
                    "document_number": story.number,
                    "phone": story.phone,
                },
                "materials": [{"name": name, "status": "provided"} for name in materials_of(story)],
                "statement": story.statement,
                "mandate": mandate_of(story, today_of()),
                **({"papers": list(papers)} if papers else {}),
            },
        )
        return bytes.fromhex(slip["case"])

    async def send_paper(self, content: bytes) -> str:
        """Hand a photograph or a PDF to the node; the word by which a filing names it. Raises `ActRefused`."""
        kept: dict[str, str] = self._answer(await self._client.post("/api/papers", content=content))
        return kept["paper"]

    async def act(self, case: bytes, kind: str, fields: Mapping[str, object], operation: bytes) -> None:
        """Write one act on what the case page shows now. Raises `ActRefused`."""
        page = await self._read(f"/api/cases/{case.hex()}")
        await self._send(
            f"/api/cases/{case.hex()}/acts",
            {"kind": kind, "operation": operation.hex(), "seen": page["case"]["tip"], "fields": fields},
        )

    async def count_steps(self, case: bytes) -> int:
        """How many entries of a case that officers wrote its page shows here; 0 while it is not here."""
        try:
            page = await self._read(f"/api/cases/{case.hex()}")
        except ActRefused:
            return 0
        return sum(step["kind"] != "case.received" for step in page["case"]["steps"])

    async def close(self) -> None:
        """Hang up. The session ends by itself."""
        await self._client.aclose()

    async def _read(self, path: str) -> Any:
        return self._answer(await self._client.get(path))

    async def _send(self, path: str, content: Mapping[str, object]) -> Any:
        return self._answer(await self._client.post(path, json=content))

    def _answer(self, answer: httpx.Response) -> Any:
        if answer.is_success:
            return answer.json()
        refusal: dict[str, str] = answer.json()
        raise ActRefused(refusal.get("code", str(answer.status_code)), refusal.get("message", ""))
