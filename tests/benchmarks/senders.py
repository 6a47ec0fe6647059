"""Eight townships' worth of senders in a process of their own: sessions and pages over real HTTP, as devices send them.

Sends frames that were packed before the clock was started, so that only the receiving side is measured. A refusal other
than «come back later» fails the run. Next: `ingest`.
"""

import http.client
import multiprocessing
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from schemas.codec import decode, encode
from schemas.names import Epoch
from schemas.wire import Cursor, Page
from sync.books import Books
from sync.frame import pack, read_frame, unpack
from sync.http import ANSWER_PATH, PAGE_PATH, PAGE_TYPE, SESSION_PATH
from sync.session import Challenge, Token, answer, say_hello

SENDERS: Final = 8
TRIES: Final = 200
BUSY_S: Final = 0.05
"""Before a page is sent again that the hub had no room for; a device would wait as long as it is told."""


GREETINGS_MAX: Final = 20


class Township(Struct):
    """What one township sends: its books sign the session; frames are made of its pages by `greet_all`."""

    books: Books
    pages: list[Page]
    frames: list[bytes] = []


class Sent(Struct, frozen=True):
    """What the senders saw."""

    seconds: float
    retries: int


class Refused(Exception):
    """The hub refused a page of the load."""


def greet_all(port: int, townships: Sequence[Township]) -> None:
    """Let every township take what the hub has waiting for it, as a device does when it first calls; pack its pages.

    Else every answer to a page of the load would carry the same enrolments again, because no cursor ever states them.
    """
    for township in townships:
        cursors, epoch = _greet(port, township)
        first, *rest = [replace(page, cursors=cursors, echo=epoch) for page in township.pages]
        # What a device holds is stated in full once a start; later pages say only what changed, and nothing did.
        rest = [replace(page, statement=0, full=False, sizes=[]) for page in rest]
        township.frames = [pack(page) for page in (first, *rest)]


def _greet(port: int, township: Township) -> tuple[list[Cursor], Epoch | None]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = _headers(_open_session(connection, township.books))
    held: dict[tuple[int, Epoch], int] = {}
    epoch = None
    for _ in range(GREETINGS_MAX):
        cursors = [Cursor(lane, stream, number) for (lane, stream), number in held.items()]
        page = replace(
            township.pages[0], cursors=cursors, echo=epoch, statement=0, full=False, sizes=[], stretches=[], more=True
        )
        status, body = _post(connection, PAGE_PATH, pack(page), headers)
        if status != 200:
            raise Refused(f"{status}: {body[:300]!r}")
        answered = unpack(read_frame(body))
        epoch = answered.epoch
        for stretch in answered.stretches:
            held[stretch.lane, stretch.epoch] = stretch.first + stretch.count - 1
        if not answered.stretches:
            connection.close()
            return cursors, epoch
    raise Refused("the hub never runs out of things to say to a township")


def _headers(token: bytes) -> dict[str, str]:
    return {"Content-Type": PAGE_TYPE, "Authorization": f"Bearer {token.hex()}"}


def send_pages(port: int, townships: Sequence[Township]) -> Sent:
    """Send every page of every township, eight townships at a time; returns when all are answered. Raises `Refused`."""
    return _elsewhere([lambda township=township: _send_one(port, township) for township in townships])


def post_each(port: int, events: Sequence[Sequence[bytes]]) -> Sent:
    """The naive way: every event a POST of its own, one list of events a sender at a time. Raises `Refused`."""
    return _elsewhere([lambda bodies=bodies: _post_each(port, bodies) for bodies in events])


Job = Callable[[], int]
"""Sends something; returns how often it was told to come again."""


def _elsewhere(jobs: Sequence[Job]) -> Sent:
    """Run the jobs in a forked process, so that the senders' own CPU is nobody's who is measured."""
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    process = context.Process(target=_work, args=(jobs, results))
    process.start()
    process.join()
    if process.exitcode != 0 or results.empty():
        raise Refused("the senders stopped; their message stands above")
    return results.get()


def _work(jobs: Sequence[Job], results: "multiprocessing.SimpleQueue[Sent]") -> None:
    waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    retries: list[int] = []
    failures: list[BaseException] = []

    def work() -> None:
        try:
            while True:
                retries.append(waiting.get_nowait()())
        except queue.Empty:
            return
        except BaseException as failure:
            failures.append(failure)

    started = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    seconds = time.perf_counter() - started
    results.put(Sent(seconds, sum(retries)))


def _send_one(port: int, township: Township) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = _headers(_open_session(connection, township.books))
    tries = 0
    for frame in township.frames:
        status, body = _post(connection, PAGE_PATH, frame, headers)
        while status == 503 and tries < TRIES:
            tries += 1
            threading.Event().wait(BUSY_S)
            status, body = _post(connection, PAGE_PATH, frame, headers)
        if status != 200:
            raise Refused(f"{status}: {body[:300]!r}")
    connection.close()
    return tries


def _post_each(port: int, bodies: Sequence[bytes]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for body in bodies:
        status, answered = _post(connection, "/events", body, {"Content-Type": "application/json"})
        if status != 201:
            raise Refused(f"{status}: {answered[:300]!r}")
    connection.close()
    return 0


def _open_session(connection: http.client.HTTPConnection, books: Books) -> bytes:
    hello = say_hello(books)
    _, body = _post(connection, SESSION_PATH, encode(hello), {})
    signed = answer(books, hello, decode(body, Challenge), b"")
    _, body = _post(connection, ANSWER_PATH, encode(signed), {})
    return decode(body, Token).token


def _post(connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    connection.request("POST", path, body, headers)
    response = connection.getresponse()
    return response.status, response.read()
