"""The demo's server with a cockpit that only notes what is asked of it: no training, no browser."""

import asyncio
import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from tornado.websocket import websocket_connect

from teachkit.watch.cockpit import stage


class Noted:
    def __init__(self, send):
        self.send, self.taken, self.closed = send, [], False

    def take(self, message):
        self.taken.append(message)
        self.send({"kind": "frame", "ack": message.get("ask")}, [b"\x89PNG"])

    def close(self):
        self.closed = True


def play(scene, build=Noted):
    """Serves while the scene runs: scene(address, stage's cockpits) → what it returns, and how the demo ended."""
    made = []

    async def perform():
        opened = asyncio.get_running_loop().create_future()
        loop = asyncio.get_running_loop()

        def make(send):
            made.append(build(send))
            return made[-1]

        served = asyncio.create_task(
            stage.perform(make, 0, lambda address: loop.call_soon_threadsafe(opened.set_result, address))
        )
        await asyncio.wait([served, opened], timeout=20, return_when=asyncio.FIRST_COMPLETED)
        assert not served.done(), served.result()
        result = await scene(await opened, made)
        await asyncio.wait_for(served, 20)
        return result

    # In a thread of its own: a browser's test that ran before leaves its loop running in this one.
    with ThreadPoolExecutor(1) as own:
        return own.submit(asyncio.run, perform()).result(), made


def live(address):
    return websocket_connect(address.replace("http", "ws") + "live")


@pytest.fixture
def hurried(monkeypatch):
    """As soon as the last page is closed the demo ends."""
    monkeypatch.setattr(stage, "END_AFTER", 0.02)


def test_a_page_asks_and_every_page_hears_the_answer_with_its_pictures(hurried):
    async def scene(address, made):
        first, second = await live(address), await live(address)
        await first.write_message(json.dumps({"kind": "hello", "ask": 1}))
        heard = [json.loads(await one.read_message()) for one in (first, second)]
        first.close(), second.close()
        return heard

    heard, made = play(scene)
    assert heard[0] == heard[1] == {"message": {"kind": "frame", "ack": 1}, "buffers": ["iVBORw=="]}
    assert made[0].taken[0]["kind"] == "hello"


def test_what_is_asked_before_the_cockpit_is_there_waits_for_it(hurried):
    async def scene(address, made):
        page = await live(address)
        for ask in range(3):
            await page.write_message(json.dumps({"kind": "set", "ask": ask}))
        answers = [json.loads(await page.read_message())["message"]["ack"] for _ in range(3)]
        page.close()
        return answers

    def slowly(send):
        time.sleep(0.2)
        return Noted(send)

    answers, _ = play(scene, slowly)
    assert answers == [0, 1, 2]


def test_a_page_that_is_loaded_anew_loses_nothing_and_one_that_is_closed_pauses_and_then_ends_all(monkeypatch):
    monkeypatch.setattr(stage, "PAUSE_AFTER", 0.2)
    monkeypatch.setattr(stage, "END_AFTER", 0.6)

    async def scene(address, made):
        (await live(address)).close()
        await asyncio.sleep(0.1)
        again = await live(address)
        await asyncio.sleep(0.6)
        before = list(made[0].taken)
        again.close()
        await asyncio.sleep(0.4)
        return before, list(made[0].taken)

    (before, after), made = play(scene)
    assert before == []
    assert after == [{"kind": "pause"}]
    assert made[0].closed


def test_a_step_that_does_not_end_does_not_keep_the_demo(hurried, monkeypatch):
    monkeypatch.setattr(stage, "END_WITHIN", 0.3)
    given_up = threading.Event()

    class Stuck(Noted):
        def close(self):
            given_up.wait(20)

    async def scene(address, made):
        (await live(address)).close()

    began = time.monotonic()
    play(scene, Stuck)
    seconds = time.monotonic() - began
    given_up.set()
    assert seconds < 10


def test_nothing_is_answered_without_the_token(hurried):
    async def scene(address, made):
        page = await live(address)
        client, codes = AsyncHTTPClient(), []
        root = address.rsplit("/", 2)[0]
        for path in ("/", "/live", "/recorded", "/stage.js", "/wrong-token/"):
            with pytest.raises(HTTPClientError) as refused:
                await client.fetch(root + path)
            codes.append(refused.value.code)
        right = await client.fetch(address)
        page.close()
        return codes, right

    (codes, right), _ = play(scene)
    assert codes == [404] * 5
    assert b'id="live"' in right.body
    assert "default-src 'none'" in right.headers["Content-Security-Policy"]


def test_a_page_of_another_origin_cannot_steer(hurried):
    async def scene(address, made):
        from tornado.httpclient import HTTPRequest

        page = await live(address)
        evil = HTTPRequest(address.replace("http", "ws") + "live", headers={"Origin": "http://evil.example"})
        with pytest.raises(HTTPClientError) as refused:
            await websocket_connect(evil)
        page.close()
        return refused.value.code

    code, _ = play(scene)
    assert code == 403


def test_a_demo_that_cannot_be_built_says_why(hurried):
    async def scene(address, made):
        first = await live(address)
        said = [json.loads(await first.read_message())]
        later = await live(address)
        await later.write_message(json.dumps({"kind": "hello", "ask": 1}))
        said.append(json.loads(await asyncio.wait_for(later.read_message(), 10)))
        first.close(), later.close()
        return said

    def broken(send):
        time.sleep(0.3)
        raise ValueError("no room for a training")

    said, _ = play(scene, broken)
    for one in said:  # a page that comes later asks, and is told
        assert one["message"]["kind"] == "gone"
        assert "no room for a training" in one["message"]["words"]


def test_the_server_and_the_recorded_acts_are_there_before_torch():
    program = "import sys; from teachkit.watch.cockpit import stage; stage.recorded_acts(); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"torch", "ipywidgets", "matplotlib"} & set(run.stdout.split())
