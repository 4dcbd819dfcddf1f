"""Whether the time of an answer tells what was wrong with a sign-in, or who asked for a code.

In rounds, each from a browser and a network that were never here: one sign-in of each kind, in an
order that changes from round to round, each with an address of its own, so that no limit is
reached. Every two kinds of a round are a pair. One after the other, because strangers share one
turn to hash: two at once would measure the queue. Only the POST is timed, on the connection that
fetched the form. Then the same for a code by mail, which is written for some and not for others.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import combinations
from statistics import median

from scripts.benchmarks.browser import Browser
from scripts.benchmarks.figures import Chapter, Figure
from scripts.benchmarks.samples import auc
from scripts.benchmarks.served import PASSWORD
from scripts.benchmarks.signin.ground import Ground

KINDS = {
    "wrong": "a wrong password",
    "unknown": "an unknown address",
    "empty": "no password set",
    "closed": "a suspended account, right password",
}
ASKING = {
    "known": "a code for somebody who may come in",
    "unknown": "a code for an unknown address",
    "closed": "a code for a suspended account",
}
Ask = Callable[[Browser, Ground, str, int], float]
NEAR, LEAST, MOST = 0.03, 0.40, 0.60
"""How far medians may lie apart, and what the interval of the AUC must not leave."""


def measure(ground: Ground) -> Chapter:
    """Take all the times, then compare every kind with every other of its door."""
    found, remarks = list[Figure](), list[str]()
    for path, kinds, ask in (("/login", KINDS, _sign_in), ("/login/code", ASKING, _ask_code)):
        times = _take(ground, path, list(kinds), ask)
        for first, second in combinations(kinds, 2):
            words = f"{path}: {first}, {second}"
            found += _compare(ground, words, times[first], times[second])
        remarks += [
            f"{path}: {kind}: {words}; median {median(times[kind]) * 1000:.2f} ms,"
            f" longest {max(times[kind]) * 1000:.0f} ms"
            for kind, words in kinds.items()
        ]
    title = "Same time: medians apart; chance that the second takes longer, 95 % by DeLong"
    return Chapter(title, found, remarks)


def _take(ground: Ground, path: str, kinds: list[str], ask: Ask) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    order = random.Random(3)  # noqa: S311 - an order, not a secret
    for number in range(ground.size.pairs):
        browser = ground.browser()
        browser.get(path)
        for kind in order.sample(kinds, len(kinds)):
            times[kind].append(ask(browser, ground, kind, number))
        browser.close()
    return times


def _sign_in(browser: Browser, ground: Ground, kind: str, number: int) -> float:
    known = ground.people.get(kind)
    email = known[number] if known else f"nobody.{number:04}@bench.example"
    password = PASSWORD if kind == "closed" else "four blue kettles"
    answer = browser.sign_in(email, password)
    if answer.status != 401:
        raise RuntimeError(f"{KINDS[kind]} was answered {answer.status}")
    return answer.seconds


def _ask_code(browser: Browser, ground: Ground, kind: str, number: int) -> float:
    known = ground.people.get("wrong" if kind == "known" else kind)
    email = known[number] if known else f"no.code.{number:04}@bench.example"
    answer = browser.post("/login/code", email=email)
    if answer.status != 303:
        raise RuntimeError(f"{ASKING[kind]} was answered {answer.status}")
    return answer.seconds


def _compare(ground: Ground, words: str, first: list[float], second: list[float]) -> list[Figure]:
    apart = median(second) / median(first) - 1
    chance = auc(first, second)
    pairs, needed = len(first), ground.needs(500)
    return [
        Figure(
            f"{words}: medians", apart * 100, f"{pairs} pairs", unit=" %",
            least=-NEAR * 100, most=NEAR * 100, samples=pairs, needed=needed,
        ),
        Figure(
            f"{words}: AUC", chance.value, f"{pairs} pairs",
            least=LEAST, most=MOST, interval=(chance.low, chance.high),
            samples=pairs, needed=needed,
        ),
    ]  # fmt: skip
