"""Callbacks: the end of a job is told to the address that its client gave."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from stepwell.api.context import real_now
from stepwell.api.jobs.callbacks import calling_back
from stepwell.notify.channel import Channel, Webhook
from stepwell.notify.post import Post
from stepwell.store.notices import DeliveryRow
from stepwell.store.protocol import StoreError
from tests.jobs.conftest import House, Houses
from tests.jobs.sample_app import app
from tests.patience import PATIENCE, come
from tests.server import serving

URL = "https://client.example/ends"


class Kept:
    """A sender that keeps what it is to send."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[tuple[str, str, dict]] = asyncio.Queue()

    async def send(self, channel: Channel, delivery: DeliveryRow, body: str) -> None:
        assert isinstance(channel, Webhook)
        self.sent.put_nowait((channel.url, delivery.event_id, json.loads(body)))

    async def next(self) -> tuple[str, str, dict]:
        return await asyncio.wait_for(self.sent.get(), PATIENCE)


def post_of(house: House, sender: Kept) -> Post:
    return Post(house.context.store.notices, sender, real_now)


async def test_every_way_to_end_is_told_once_with_the_job_as_it_is(houses: Houses) -> None:
    sender = Kept()
    async with houses.open(app) as house:
        post = post_of(house, sender)
        post.start()
        async with calling_back(house.jobs, post, {}):
            ids = [await house.start("single", {"n": n}, **{"Callback-URL": URL}) for n in range(3)]
            await house.start("trends", {"industry": "x", "keywords": []})  # nobody asked to be told
            (await house.work()).done(1)
            url, event_id, told = await sender.next()
            assert (url, event_id, told["status"], told["outputs"]) == (URL, ids[0], "COMPLETED", 1)
            assert told == await house.job(ids[0])
            await house.http.delete(f"/jobs/{ids[2]}")
            assert (await sender.next())[2]["status"] == "CANCELLED"
            for work in list(house.handlers.running):
                work.failed("ValueError", "no")
            assert (await sender.next())[2]["error_message"] == "no"
            await come(lambda: _all_told(house))
        await post.stop()
    assert sender.sent.empty()


async def test_an_end_that_nobody_told_before_a_crash_is_told_by_the_next_server(houses: Houses) -> None:
    sender = Kept()
    async with houses.open(app, "jobs.db") as house:
        id_ = await house.start("single", {"n": 1}, **{"Callback-URL": URL})
        (await house.work()).done(1)
        await house.ended(id_)
    async with houses.open(app, "jobs.db") as house:
        post = post_of(house, sender)
        post.start()
        async with calling_back(house.jobs, post, {}):
            assert (await sender.next())[1] == id_
        await post.stop()


async def test_a_store_that_fails_delays_a_callback_and_loses_none(houses: Houses) -> None:
    sender, fails = Kept(), [True]
    async with houses.open(app) as house:
        post = post_of(house, sender)
        was_told = house.jobs.was_told

        async def once(id_: str) -> None:
            if fails:
                fails.clear()
                raise StoreError("the disk is full")
            await was_told(id_)

        house.jobs.was_told = once  # type: ignore[method-assign]
        post.start()
        async with calling_back(house.jobs, post, {}):
            id_ = await house.start("single", {"n": 1}, **{"Callback-URL": URL})
            (await house.work()).done(1)
            assert (await sender.next())[1] == id_
            await come(lambda: _all_told(house))
        await post.stop()


async def _all_told(house: House) -> bool:
    return not await house.jobs.to_be_told(1)


async def test_an_address_that_is_none_is_refused(houses: Houses) -> None:
    async with houses.open(app) as house:
        for url in ("ftp://a/b", "client.example", "https://", "https://u:p@a/b", "https://a:0/", "https://a b/"):
            answer = await house.post("single", {"n": 1}, **{"Callback-URL": url})
            assert answer.status_code == 400
            assert "an http or https address" in answer.json()["detail"]


def test_a_callback_arrives_signed_over_http(tmp_path: Path) -> None:
    arrived: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the library's name
            body = self.rfile.read(int(self.headers["content-length"]))
            arrived.put(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    receiver = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=receiver.serve_forever, daemon=True)
    thread.start()
    environment = {"STEPWELL_HTTP_ALLOWED_HOSTS": "127.0.0.1", "STEPWELL_CALLBACK_SECRET": "a secret of both"}
    try:
        with serving(tmp_path, ["tests.jobs.sample_app:app"], environment=environment) as server:
            url = f"http://127.0.0.1:{receiver.server_port}/ends"
            asked = {"industry": "shoes", "keywords": ["sole"]}
            headers = {"Callback-URL": url}
            started = httpx.post(f"{server.url}/jobs/trends", json=asked, headers=headers, timeout=PATIENCE).json()
            sent, body = arrived.get(timeout=PATIENCE)
    finally:
        receiver.shutdown()
        receiver.server_close()
        thread.join(PATIENCE)
    assert json.loads(body)["job_id"] == started["job_id"] == sent["webhook-id"]
    signed = f"{sent['webhook-id']}.{sent['webhook-timestamp']}.".encode() + body
    proof = base64.b64encode(hmac.digest(b"a secret of both", signed, "sha256")).decode()
    assert sent["webhook-signature"] == f"v1,{proof}"
