"""The account page: who one is, in one's own words, and which programs are open and why."""

import pytest
from sqlalchemy import select

from app.core.audit import NOWHERE
from app.core.learning import emergency
from app.core.people import profile
from app.models.people import CameBy, Entitlement, Profile, Source, User
from app.models.records import AuditEntry

ADA = "ada@learn.agency.example"


def said(visitor, path="/account", id="profile"):
    """What a part of the account page says, in its reader's order."""
    section = visitor.page(visitor.get(path)).find(attrs={"aria-labelledby": id})
    return " ".join(section.get_text(" ").split())


def save(visitor, **fields):
    typed = {"full_name": "Ada King", "locale": "", "country": ""} | fields
    return visitor.submit("/account/profile", **typed)


def entries(db):
    db.rollback()
    rows = select(AuditEntry).where(AuditEntry.event == "profile:changed").order_by(AuditEntry.id)
    return [(each.user_id == each.actor_id, each.details) for each in db.scalars(rows)]


def test_a_profile_is_saved_shown_and_noted_with_what_changed(people, db):
    ada = people.signed_in(ADA)
    assert "Lovelace" in said(ada)
    assert save(ada, full_name=" Ada King ", locale="nl", country="NL").location == "/account"
    page = said(ada)
    assert "Full name Ada King" in page
    assert "Language Dutch" in page
    assert "Country Netherlands" in page
    changed = {"full_name": [None, "Ada King"], "locale": [None, "nl"], "country": [None, "NL"]}
    assert entries(db) == [(True, {"changed": changed})]
    assert db.scalars(select(User.last_name)).one() == "Lovelace", "an admin wrote that"

    assert save(ada, locale="nl", country="NL").location == "/account"
    assert save(ada, locale="nl", country="").location == "/account"
    assert [each["changed"] for _own, each in entries(db)][1:] == [{"country": ["NL", None]}]
    form = ada.page(ada.get("/account/profile"))
    assert form.find(id="full-name")["value"] == "Ada King"
    assert form.select_one("#profile-locale [selected]")["value"] == "nl"
    assert form.select_one("#profile-country [selected]")["value"] == ""


@pytest.mark.parametrize(
    ("fields", "id", "words"),
    [
        ({"full_name": " "}, "full-name", "Enter your name"),
        ({"full_name": "A" * 201}, "full-name", "A name can have 200 characters."),
        ({"full_name": "Ada\x07King"}, "full-name", "without line breaks"),
        ({"locale": "klingon-9"}, "profile-locale", "Name the language"),
        ({"country": "UN"}, "profile-country", "Choose a country"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field_and_saves_nothing(people, db, fields, id, words):
    ada = people.signed_in(ADA)
    save(ada, country="NL")
    answer = save(ada, **fields)
    assert answer.status_code == 422
    page = ada.page(answer)
    assert words in page.find(id=f"{id}-error").text
    assert page.select_one(".error-summary a")["href"] == f"#{id}"
    db.rollback()
    row = db.scalars(select(Profile)).one()
    assert (row.full_name, row.country) == ("Ada King", "NL")


def test_the_last_name_follows_for_who_came_without_a_list_alone(people, db, visitors):
    for email, columns in ((ADA, {"came_by": CameBy.OPEN.value}), ("bo@agency.example", {})):
        save(people.signed_in(email, **columns), full_name="Ada King-Noel")
    db.rollback()
    names = dict(db.execute(select(User.email, User.last_name)).all())
    assert names == {ADA: "King-Noel", "bo@agency.example": "Lovelace"}


def test_the_name_on_the_list_is_the_lists(people):
    people.listed("Lovelace", ADA)
    ada = people.signed_in(ADA, from_roster=True, listed=True)
    save(ada, full_name="Ada King")
    assert "Last name on the list Lovelace" in said(ada)
    assert "The last name on the list stays Lovelace." in ada.get("/account/profile").text


def test_the_countries_are_those_of_the_standard():
    assert len(profile.countries()) == 249
    assert {"NL", "GB", "AX", "SX"} <= profile.countries()
    assert profile.countries().isdisjoint({"EU", "UK", "XK", "ZZ"})


def test_a_language_that_another_application_wrote_is_shown_as_it_is(people):
    ada = people.signed_in(ADA, locale="xx-odd")
    assert "Language xx-odd" in said(ada)
    assert ada.get("/account/profile").status_code == 200


# My programs and why.


def test_each_open_program_has_its_reasons(people, db):
    people.program("OPEN", name="For all")
    people.program("TAP", name="By the list", ids=["id-1", "id-2"])
    people.program("GIFT", name="Given", ids=["id-3"])
    people.program("OLD", name="From before", ids=["id-4"])
    people.program("NOT", name="Closed", ids=["id-9"])
    ada = people.signed_in(ADA, ids=["id-2", "id-3", "id-4"])
    people.listed("Lovelace", ADA, "id-1", "id-7")
    user = db.scalars(select(User)).one()
    db.query(Entitlement).filter_by(user_id=user.id, lo_root_id="id-4").update(
        {"source": Source.LEGACY.value}
    )
    db.commit()
    rows = ada.page(ada.get("/account")).select("[aria-labelledby=programs] li")
    assert [" ".join(each.get_text(" ").split()) for each in rows] == [
        "By the list You are on the list, in A class. An admin gave it to you.",
        "For all Open to everybody who is signed in.",
        "From before You had it in the former application.",
        "Given An admin gave it to you.",
    ]
    assert rows[0].a["href"] == "/chat/TAP"


def test_who_has_none_is_told_whom_to_ask_and_the_emergency_says_until_when(people, db):
    people.program("NOT", name="Closed", ids=["id-9"])
    ada = people.signed_in(ADA)
    assert "Ask Noor in room 4 which class opens one." in said(ada, id="programs")
    emergency.begin(db, hours=2, reason="The list is broken", by=None, origin=NOWHERE)
    db.commit()
    assert "Closed Open to everybody for now, until" in said(ada, id="programs")
