"""What is mended in a legacy database, once the maintainer has chosen: each repair adds edits."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from app.core import clock
from app.core.desk.adopt import ids
from app.core.desk.adopt.cells import password
from app.core.desk.adopt.choices import Choices, OrphanChoice, StatusChoice, UnfitChoice
from app.core.desk.adopt.edits import Edits
from app.core.desk.adopt.legacy import ANONYMOUS, ASKED, CHATS, HELD, Legacy, col
from app.core.desk.adopt.person import Person
from app.models.people import Status

ACCEPTED = "disclaimer_acceptances"


def check_choices(legacy: Legacy, choices: Choices) -> None:
    """Raise `UnfitChoice` for a choice that names what is not there."""
    for form, kept in choices.merges.items():
        if legacy.forms.get(kept) != form:
            raise UnfitChoice(f"--merge: {kept} is no account with the address {form}.")
    with_role = {user for (user,) in legacy.rows("role_grants", "user_id")}
    if holding := sorted(with_role & merging(legacy, choices).keys()):
        named = ", ".join(map(str, holding))
        raise UnfitChoice(f"--merge: a role is held by {named}: take it away, or keep that one.")
    for code, meant in choices.aliases.items():
        if legacy.program_of(meant, {}) is None:
            raise UnfitChoice(f"--alias: {meant} (for {code}) is no program.")
    wanted = {part for _, lo in legacy.asked for part in ids.cleaned_of_program(lo)}
    for old, new in choices.id_changes.items():
        if new not in wanted:
            raise UnfitChoice(f"--lo-id: no program asks for {new} (for {old}).")


def plan(legacy: Legacy, choices: Choices) -> Edits:
    """Everything that these choices change in this database, once it is upgraded."""
    edits = Edits()
    merged = merging(legacy, choices)
    for repair in (merge_people, spell_statuses, let_in, count_visits, empty_passwords):
        repair(legacy, choices, edits)
    mend_held_ids(legacy, choices, edits, merged)
    mend_asked_ids(legacy, choices, edits)
    spell_codes(legacy, choices, edits)
    settle_orphans(legacy, choices, edits)
    for values in (values for (name, _), values in edits.changed.items() if name == "users"):
        for gone in merged:
            values.pop(gone, None)
    return edits


def merging(legacy: Legacy, choices: Choices) -> dict[int, int]:
    """The accounts that go, each with the one that it becomes part of."""
    return {
        each: kept
        for form, kept in choices.merges.items()
        for each in legacy.sharing.get(form, [])
        if each != kept
    }


def merge_people(legacy: Legacy, choices: Choices, edits: Edits) -> None:
    """T6: chats, acceptances and visits move to the account that stays; the others go.

    The one that stays keeps its own name, password, status and dates.
    """
    merged = merging(legacy, choices)
    if not merged:
        return
    whose = col("user_id").in_(sorted(merged))
    for name in (CHATS, ACCEPTED):
        rows = legacy.rows(name, "id", "user_id", where=whose)
        edits.give("merged rows", name, "user_id", {row: merged[user] for row, user in rows})
    people = {each.id: each for each in legacy.people}
    visits = {kept: people[kept].visit_count or 0 for kept in merged.values()}
    for gone, kept in merged.items():
        visits[kept] += people[gone].visit_count or 0
    edits.give("merged visits", "users", "visit_count", visits)
    edits.drop("merged people", "users", merged)


def spell_statuses(legacy: Legacy, _choices: Choices, edits: Edits) -> None:
    """T1: one spelling of each status that is known; any other stays as it is."""
    spelled = {
        each.id: known.value
        for each in legacy.people
        if (known := each.known_status()) and each.status != known.value
    }
    edits.give("statuses spelled", "users", "status", spelled)


def let_in(legacy: Legacy, choices: Choices, edits: Edits) -> None:
    """T3, T4: activate those whom the maintainer chose, with `grace_days` from today."""
    chosen = [each for each in legacy.people if _is_chosen(each, legacy, choices)]
    until = datetime.combine(clock.today() + timedelta(days=choices.grace_days), time(), UTC)
    status = {
        each.id: Status.ACTIVE.value for each in chosen if each.known_status() is not Status.ACTIVE
    }
    edits.give("people activated", "users", "status", status)
    expiry = {each.id: until for each in chosen if each.has_run_out(clock.today())}
    edits.give("expiry dates moved", "users", "expiry_date", expiry)


def _is_chosen(person: Person, legacy: Legacy, choices: Choices) -> bool:
    if choices.status in {None, StatusChoice.KEEP}:
        return False
    if not person.would_be_shut_out(clock.today()):
        return False
    if choices.status is StatusChoice.ACTIVATE_ALL:
        return True
    last = legacy.last_asked.get(person.id)
    return last is not None and last >= choices.recent_since()


def count_visits(legacy: Legacy, _choices: Choices, edits: Edits) -> None:
    """T2: no count is a count of none."""
    missing = {each.id: 0 for each in legacy.people if each.visit_count is None}
    already = edits.changed.get(("users", "visit_count"), {})
    missing = {each: 0 for each in missing if each not in already}
    edits.give("visit counts set to 0", "users", "visit_count", missing)


def empty_passwords(legacy: Legacy, _choices: Choices, edits: Edits) -> None:
    """What stands where a password hash should, and opens nothing, is no password.

    The upgrade does the same; this finds what came into an upgraded database by another way.
    """
    mended = {
        each.id: hash_
        for each in legacy.people
        if each.password_hash != (hash_ := password(each.password_hash))
    }
    edits.give("passwords that cannot be read emptied", "users", "password_hash", mended)


def mend_held_ids(legacy: Legacy, choices: Choices, edits: Edits, merged: dict[int, int]) -> None:
    """T6, T7, T10: what people hold, cleaned, changed and moved as chosen.

    What an admin or the list gave is not touched, nor what people who are gone held, unless the
    choice is to keep nothing of them.
    """
    known = {each.id for each in legacy.people}
    orphaned = {pair for pair in legacy.held if pair[0] not in known}
    mendable = legacy.held - legacy.explained - orphaned
    after = ids.repaired(mendable, choices) | (legacy.held & legacy.explained)
    after = {(merged.get(user, user), lo) for user, lo in after}
    if choices.orphans is OrphanChoice.KEEP:
        after |= orphaned
    edits.move("LO Root IDs of people", HELD, legacy.held, after)


def mend_asked_ids(legacy: Legacy, choices: Choices, edits: Edits) -> None:
    """T7: what programs ask for; a program that asked for something goes on doing so.

    At the first adoption alone: what an admin writes later is meant as it is written.
    """
    if choices.repair_ids and legacy.is_new:
        after = {(p, part) for p, lo in legacy.asked for part in ids.cleaned_of_program(lo)}
        edits.move("LO Root IDs of programs", ASKED, legacy.asked, after)


def spell_codes(legacy: Legacy, choices: Choices, edits: Edits) -> None:
    """T9: chats and acceptances of a program stand under its own code."""
    for name, code in ((CHATS, "program_code"), (ACCEPTED, "chatbot_code")):
        texts = dict(legacy.rows(name, "id", code))
        meant = {
            text: program.code
            for text in set(texts.values()) - {None}
            if (program := legacy.program_of(text, choices.aliases)) and program.code != text
        }
        spelled = {row: meant[text] for row, text in texts.items() if text in meant}
        edits.give("program codes", name, code, spelled)


def settle_orphans(legacy: Legacy, choices: Choices, edits: Edits) -> None:
    """T10: chats whose person is gone, and the name and number in what such people accepted."""
    if choices.orphans is OrphanChoice.KEEP or not legacy.has(CHATS, "user_id"):
        return
    orphans = [row for (row,) in legacy.rows(CHATS, "id", where=legacy.of_nobody())]
    if choices.orphans is OrphanChoice.DELETE:
        edits.drop("orphan chats deleted", CHATS, orphans)
    else:
        owners = dict.fromkeys(orphans, ANONYMOUS)
        edits.give("orphan chats made anonymous", CHATS, "user_id", owners)
    # The number first: without it PostgreSQL looks for no person behind the row any more.
    for name in ("user_id", "user_email", "user_last_name"):
        rows = legacy.rows(ACCEPTED, "id", name, where=legacy.of_nobody())
        blank = {row: None for row, text in rows if text is not None}
        edits.give("names and numbers blanked in acceptances of orphans", ACCEPTED, name, blank)
