"""Tests of the limit on concurrent image requests."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from digitgan.studio.access import Admission


def test_as_many_as_may_are_let_in_and_others_are_told_when_to_ask_again() -> None:
    async def play() -> tuple[list[Message], list[str], int]:
        done, refused, answers = asyncio.Event(), [], []
        let_in: list[str] = []

        async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
            let_in.append(scope["path"])
            await done.wait()

        async def receive() -> Message:
            return {"type": "http.request"}

        async def send(message: Message) -> None:
            answers.append(message)

        admission = Admission(app, refused=lambda: refused.append(1), most=3)

        def ask(path: str) -> Any:
            return asyncio.create_task(admission({"type": "http", "path": path}, receive, send))

        inside = [ask("/api/v1/sample") for _ in range(3)]
        await asyncio.sleep(0)
        await ask("/api/v1/morph")
        other = ask("/api/v1/runs")  # generates no image
        await asyncio.sleep(0)
        done.set()
        await asyncio.gather(*inside, other)
        await ask("/api/v1/write")
        return answers, let_in, len(refused)

    answers, let_in, refused = asyncio.run(play())
    assert [message["status"] for message in answers if message["type"] == "http.response.start"] == [429]
    assert (b"retry-after", b"1") in answers[0]["headers"]
    assert let_in == ["/api/v1/sample"] * 3 + ["/api/v1/runs", "/api/v1/write"]
    assert refused == 1
