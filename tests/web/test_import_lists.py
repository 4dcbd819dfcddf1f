"""Every number of an import opens the list behind it, or is none to be opened."""

from __future__ import annotations

from typing import Any

from app.core.roster import imports
from tests.web.test_admin_roster import line, previewed, put_in_force


def test_a_list_behind_a_number_is_there_or_the_number_says_that_it_is_not_kept(people, db):
    grace = people.admin()
    out = line("Off", "off@x.example").replace("Active", "Inactive")
    first = put_in_force(grace, line() + out)
    again = previewed(grace, line() + out)
    page = grace.page(grace.get(again))
    (see_who,) = [link for link in page.select(".todo a") if "only inactive" in link.text]
    for where in (see_who["href"], f"{see_who['href']}&q=off@"):
        listed = grace.page(grace.get(where))
        assert [row.th.contents[0].strip() for row in listed.select("tbody tr")] == ["Off"]
    assert "Inactive alone 1" in listed.select_one(".chips").get_text(" ", strip=True)
    assert grace.get(see_who["href"].replace("people?", "people.csv?")).status_code == 200
    assert _unchanged_links(grace, again) == (1, 1)

    put_in_force(grace, line() + line("Byron", "bo@x.example") + out)
    latest = put_in_force(grace, line() + out, typed="1")
    assert imports.get(db, int(latest.rpartition("/")[2])).unchanged == 1
    assert _unchanged_links(grace, latest) == (1, 1)
    # The first one stays as it was checked: nothing was unchanged by it.
    for preview, count in ((again, 0), (first, 0)):
        assert _unchanged_links(grace, preview) == (count, count)
    told = grace.get(f"{again}/people?kind=unchanged").text
    assert "Who they are is not kept" in told
    inactive = grace.page(grace.get(f"{again}/people?kind=inactive"))
    assert [row.th.contents[0].strip() for row in inactive.select("tbody tr")] == ["Off"]


def _unchanged_links(grace: Any, preview: str) -> tuple[int, int]:
    """How many links lead to who stays: of the tiles, and of the chips of another list."""
    lists = (grace.page(grace.get(preview)), grace.page(grace.get(f"{preview}/people?kind=added")))
    tiles, chips = (page.select("main a[href*='kind=unchanged']") for page in lists)
    return len(tiles), len(chips)
