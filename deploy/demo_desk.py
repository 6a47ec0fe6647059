"""One sample officer at one node's JSON interface, as a browser would be: signed in, with the form token, one session.

Never bypasses a guard and never retries by itself: the same operation id is sent again only by whoever means the same
action (RULINGS B10). Next: `office.web.api`, which answers.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import httpx

from deploy.demo_processes import DemoFailed
from deploy.demo_scenario import PASSWORD, Person, Story
from schemas.identity import RESIDENT_CARD

ANSWER_S_MAX: Final = 20.0
"""Seven nodes on two slow cores may all work at once."""


class ActRefused(Exception):
    """The node refused, before anything was written."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


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

    async def file_case(self, story: Story, operation: bytes) -> bytes:
        """File the story's case. Returns its id. Raises `ActRefused`."""
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
                "materials": [{"name": "居民身份证", "status": "provided"}],
                "statement": story.statement,
            },
        )
        return bytes.fromhex(slip["case"])

    async def act(self, case: bytes, kind: str, fields: Mapping[str, object], operation: bytes) -> None:
        """Write one act on what the case page shows now. Raises `ActRefused`."""
        page = await self._read(f"/api/cases/{case.hex()}")
        await self._send(
            f"/api/cases/{case.hex()}/acts",
            {"kind": kind, "operation": operation.hex(), "seen": page["case"]["tip"], "fields": fields},
        )

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
