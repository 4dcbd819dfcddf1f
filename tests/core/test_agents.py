"""What a user agent and a network address say, in words that no stranger can choose."""

import time
from concurrent.futures import ThreadPoolExecutor

import maxminddb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from app.core.people import agents, places

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15"
LINUX = "Mozilla/5.0 (X11; Linux x86_64"
BLINK = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0"
KNOWN = {
    f"{WINDOWS}; rv:140.0) Gecko/20100101 Firefox/140.0": "Firefox on Windows",
    f"{WINDOWS}) {BLINK} Safari/537.36": "Chrome on Windows",
    f"{WINDOWS}) {BLINK} Safari/537.36 Edg/137.0.0.0": "Edge on Windows",
    f"{MAC} Version/18.5 Safari/605.1.15": "Safari on macOS",
    f"{IPHONE} (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1": "Safari on iOS",
    f"{IPHONE} (KHTML, like Gecko) CriOS/137.0 Mobile/15E148 Safari/604.1": "Chrome on iOS",
    f"{IPHONE} (KHTML, like Gecko) FxiOS/140.0 Mobile/15E148 Safari/605.1": "Firefox on iOS",
    f"{LINUX}; rv:140.0) Gecko/20100101 Firefox/140.0": "Firefox on Linux",
    f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {BLINK} Safari/537.36": "Chrome on ChromeOS",
    f"Mozilla/5.0 (Linux; Android 10; K) {BLINK} Mobile Safari/537.36": "Chrome on Android",
    "Mozilla/5.0 (Linux; Android 13; SM-S901B) AppleWebKit/537.36 (KHTML, like Gecko)"
    " SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36": "Samsung Internet on Android",
    "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko": (
        "Internet Explorer on Windows"
    ),
    "curl/8.5.0": "curl",
    "python-requests/2.31.0": "Python Requests",
}


@pytest.mark.parametrize(("agent", "words"), KNOWN.items(), ids=KNOWN.values())
def test_a_browser_and_its_system_have_the_names_that_people_know(agent, words):
    assert agents.describe(agent) == words


@pytest.mark.parametrize(
    "agent", [None, "", " ", "Mozilla/5.0", "x" * 100_000, "\0", "\ud800", "é" * 400, "()[]{}*+?"]
)
def test_what_names_no_browser_is_an_unknown_one(agent):
    assert agents.describe(agent) == "An unknown browser"


def test_a_system_without_a_browser_is_said():
    assert agents.describe("Mozilla/5.0 (Windows NT 10.0)") == "An unknown browser on Windows"


# Where the library takes a name over from the string itself, a stranger could write into a mail.
@given(st.text(max_size=60))
def test_no_user_agent_can_write_anything_but_a_plain_name(text):
    for agent in (text, f"{text}/1.0", f"Mozilla/5.0 (compatible; {text}bot/1.0; +http://x)"):
        found = agents.read(agent)
        for name in (found.browser, found.system):
            assert name is None or (len(name) <= 31 and not set(name) & set('<>"&%./:@{}\r\n'))


def test_an_address_in_a_user_agent_is_never_said():
    for agent in ("www.evil.example/1.0", "Mozilla/5.0 (compatible; evil.example-bot/1.0)"):
        assert "evil.example" not in agents.describe(agent)


def test_a_hostile_user_agent_costs_little():
    agents.read("warm up")
    hostile = [
        "Mozilla/5.0 (" * 4000,
        "Mozilla/5.0 (Linux; Android " + "a " * 20_000,
        "Chrome/" + "1." * 20_000,
        "Mozilla/5.0 (iPhone; " + "; ".join(["CPU iPhone OS 1_"] * 2000),
        " " * 50_000 + "Safari/1",
    ]
    started = time.thread_time()
    for agent in hostile:
        agents.read(agent)
    assert time.thread_time() - started < 0.5


def test_many_threads_may_read_at_once():
    strings = [f"{each} {number}" for number in range(50) for each in KNOWN]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(agents.describe, strings))
    assert found == [agents.describe(each) for each in strings]


# Places.


@pytest.fixture
def cities(tmp_path):
    """A database with records of every shape that such files have."""
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True)
    names = {"names": {"en": "Utrecht", "nl": "Utrecht"}}
    records = {
        "192.0.2.0/24": {"city": names, "country": {"names": {"en": "Netherlands"}}},
        "198.51.100.0/24": {"country": {"names": {"en": "Kenya"}}},
        "203.0.113.0/25": {"country": {"names": {"nl": "Kenia"}}},
        "203.0.113.128/25": {"city": "Utrecht", "country": 7},
        "2001:db8::/32": {"city": names},
    }
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(tmp_path / "cities.mmdb"))
    with maxminddb.open_database(tmp_path / "cities.mmdb") as reader:
        yield reader


@pytest.mark.parametrize(
    ("ip", "place"),
    [
        ("192.0.2.7", "Utrecht, Netherlands"),
        ("::ffff:192.0.2.7", "Utrecht, Netherlands"),
        ("198.51.100.1", "Kenya"),
        ("203.0.113.5", "203.0.113.5"),
        ("203.0.113.200", "203.0.113.200"),
        ("2001:db8::1", "Utrecht"),
        ("8.8.8.8", "8.8.8.8"),
        ("2001:4860::8888", "2001:4860::8888"),
        ("192.168.1.4", "a local network"),
    ],
)
def test_an_address_is_on_the_map_or_stands_for_itself(ip, place, cities):
    assert places.place_of(ip, cities) == place


@pytest.mark.parametrize(
    "ip",
    [
        "127.0.0.1", "127.8.9.10", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1",
        "169.254.1.1", "::1", "fe80::1", "fd12:3456::1", "::ffff:10.0.0.1",
    ],
)  # fmt: skip
def test_a_private_address_is_a_local_network(ip):
    assert places.place_of(ip, None) == "a local network"


@pytest.mark.parametrize("ip", ["192.0.2.7", "2001:db8::7", "172.32.0.1", "100.64.0.1"])
def test_without_a_map_an_address_stands_for_itself(ip):
    assert places.place_of(ip, None) == ip


@pytest.mark.parametrize("ip", [None, "", "unknown", "1.2.3", "<b>", "192.0.2.7, 10.0.0.1", "\0"])
def test_what_is_no_address_is_nowhere(ip, cities):
    assert places.place_of(ip, cities) is None


def test_a_map_of_ipv4_alone_is_no_trouble(tmp_path):
    writer = MMDBWriter(ip_version=4)
    writer.insert_network(IPSet(["192.0.2.0/24"]), {"city": {"names": {"en": "Utrecht"}}})
    writer.to_db_file(str(tmp_path / "v4.mmdb"))
    with maxminddb.open_database(tmp_path / "v4.mmdb") as reader:
        assert places.place_of("192.0.2.7", reader) == "Utrecht"
        assert places.place_of("2001:db8::7", reader) == "2001:db8::7"
