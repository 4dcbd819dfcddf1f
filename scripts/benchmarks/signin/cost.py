"""What a correct sign-in costs in CPU time, beside one bcrypt verification.

What counts is all that the web server's processes do from one `POST /login` to the next: the
connection, the lane, counts, session row, audit line, mail for a new device, answer. The page
with the form is not part of it: all forms are fetched before the first sign-in is measured. The
verifications run in a process of their own, each after a sign-in, so that both see the same
machine.
"""

from __future__ import annotations

import time
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context

import bcrypt

from scripts.benchmarks.browser import Browser
from scripts.benchmarks.figures import Chapter, Figure
from scripts.benchmarks.served import PASSWORD, cpu_seconds
from scripts.benchmarks.signin.ground import Ground

MOST = 1.05
Pairs = list[tuple[Browser, str]]
"""Browsers, and the address that each of them signs in with."""


def measure(ground: Ground) -> Chapter:
    """Sign everybody in twice: from a browser that is new to the server, then known to it."""
    warm = [(ground.browser(), email) for email in ground.people["warming"]]
    counted = [(ground.browser(), email) for email in ground.people["learner"]]
    with ProcessPoolExecutor(1, get_context("spawn")) as floor:
        sign_ins = []
        for words in ("from a new browser, with the mail about it", "from a known browser"):
            _sign_in_all(ground, warm, floor)
            sign_ins.append(_figure(ground, words, *_sign_in_all(ground, counted, floor)))
    remark = "CPU of the web server's processes; the worker that sends mail is beside them."
    return Chapter("CPU of a correct sign-in ÷ one bcrypt verification", sign_ins, [remark])


def verification_time(stored: bytes) -> float:
    """Seconds of CPU that the library takes to verify one password."""
    began = time.process_time()
    bcrypt.checkpw(b"another password than theirs", stored)
    return time.process_time() - began


def _sign_in_all(ground: Ground, pairs: Pairs, floor: Executor) -> tuple[float, float]:
    """Seconds of CPU for one sign-in, and for one verification."""
    stored = bcrypt.hashpw(b"one password", bcrypt.gensalt(ground.cost))
    for browser, _ in pairs:
        browser.forget()
        browser.get("/login")
        browser.close()
    verified, before = 0.0, cpu_seconds(ground.server.web)
    for browser, email in pairs:
        answer = browser.sign_in(email, PASSWORD)
        if answer.status != 303:
            raise RuntimeError(f"a correct sign-in was answered {answer.status}")
        browser.close()
        verified += floor.submit(verification_time, stored).result()
    spent = cpu_seconds(ground.server.web) - before
    return spent / len(pairs), verified / len(pairs)


def _figure(ground: Ground, words: str, spent: float, verified: float) -> Figure:
    return Figure(
        words,
        spent / verified,
        f"{spent * 1000:.1f} ms ÷ {verified * 1000:.1f} ms, {ground.size.sign_ins} sign-ins",
        most=MOST,
        unit=" ×",
        samples=ground.size.sign_ins,
        needed=ground.needs(60),
    )
