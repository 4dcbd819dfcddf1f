"""What is found about people: their status, dates, addresses, names and passwords."""

from __future__ import annotations

import re
from collections import Counter

from app.core import clock
from app.core.desk.adopt.cells import password
from app.core.desk.adopt.choices import Choices
from app.core.desk.adopt.findings.finding import Finding, day, person_row
from app.core.desk.adopt.legacy import Legacy
from app.models.people import Status

MANY = 3
"""So many people added at one moment were not added one by one (T5)."""

MARKUP = re.compile(r"<[/!a-zA-Z][^>]*>|\{[%{]")
FORMULA = re.compile(r"\s*[=+\-@]")


def shut_out(legacy: Legacy, choices: Choices) -> Finding:
    """T3, T4: people whom status or expiry date shut out once they count."""
    people = [each for each in legacy.people if each.would_be_shut_out(clock.today())]
    rows = []
    for person in people:
        last = legacy.last_asked.get(person.id)
        here = last is not None and last >= choices.recent_since()
        rows.append(person_row(person) | {"last_asked": day(last), "recent": here})
    often = sum(row["recent"] for row in rows)
    words = (
        "people are Inactive or expired, or have a status that is neither Active nor Inactive,"
        " which was never enforced and will be;"
        f" {often} of them asked something within {choices.recent_days} days"
    )
    return Finding.of("shut_out", words, sorted(rows, key=lambda row: not row["recent"]))


def status_spellings(legacy: Legacy) -> Finding:
    """T1: a known status in another spelling."""
    known = {each.value for each in Status}
    rows = (
        person_row(each)
        for each in legacy.people
        if each.status is not None and each.known_status() and each.status not in known
    )
    return Finding.of("status_spellings", "people's status is spelled another way", rows)


def unknown_statuses(legacy: Legacy) -> Finding:
    """T1: a status that nobody can read; it is not guessed, and counts as closed."""
    rows = (person_row(each) for each in legacy.people if each.known_status() is None)
    words = "people have a status that is neither Active nor Inactive: --status keep leaves it"
    return Finding.of("unknown_statuses", words, rows)


def missing_visits(legacy: Legacy) -> Finding:
    """T2: a visit count that is NULL."""
    rows = (person_row(each) for each in legacy.people if each.visit_count is None)
    return Finding.of("missing_visits", "people's visit count is empty; it reads as 0", rows)


def shared_dates(legacy: Legacy) -> Finding:
    """T5: a date_added that is the moment of a migration, not of a registration."""
    counted = Counter(each.date_added for each in legacy.people if each.date_added)
    rows = [
        {"date_added": str(when), "people": many}
        for when, many in counted.most_common()
        if many >= MANY
    ]
    words = "moments are the date_added of many people at once, so they tell nobody's age"
    return Finding.of("shared_dates", words, rows)


def shared_addresses(legacy: Legacy) -> Finding:
    """T6: accounts whose addresses differ in case or outer blanks alone."""
    people = {each.id: each for each in legacy.people}
    rows = [
        {"address": form, "accounts": [{"id": each, "email": people[each].email} for each in group]}
        for form, group in sorted(legacy.sharing.items())
    ]
    words = "addresses belong to several accounts; each stays apart unless --merge says otherwise"
    return Finding.of("shared_addresses", words, rows)


def bad_addresses(legacy: Legacy) -> Finding:
    """What stands where an address should, and is none."""
    rows = (person_row(each) for each in legacy.people if each.id not in legacy.forms)
    return Finding.of("bad_addresses", "people have no address that mail could reach", rows)


def odd_names(legacy: Legacy) -> Finding:
    """T14: names that a spreadsheet would run or a browser would draw; they are kept as text."""
    rows = (
        person_row(each)
        for each in legacy.people
        if FORMULA.match(each.last_name) or MARKUP.search(each.last_name)
    )
    words = "people's names hold markup or begin like a formula; they are shown as text"
    return Finding.of("odd_names", words, rows)


def unreadable_hashes(legacy: Legacy) -> Finding:
    """Password hashes of no format that we read: their people set a new one by mail."""
    rows = (
        person_row(each)
        for each in legacy.people
        if each.password_hash is not None and password(each.password_hash) is None
    )
    words = "people's password hash cannot be read; they set a new password by mail"
    return Finding.of("unreadable_hashes", words, rows)


def unreadable_dates(legacy: Legacy) -> Finding:
    """Texts in SQLite that are no dates: the upgrade empties the cell and keeps the text."""
    rows = (
        {"table": table, "id": row, "column": column, "value": value}
        for table, row, column, value in legacy.bad_dates
    )
    words = "dates cannot be read; they become empty, and their text goes to unreadable_dates"
    return Finding.of("unreadable_dates", words, rows)


def without_password(legacy: Legacy) -> Finding:
    """People who never set a password: too many to list."""
    many = sum(each.password_hash is None for each in legacy.people)
    words = "people have no password yet; they set one by mail"
    return Finding("without_password", words, [], many)
