"""Programs in the admin area: written, previewed, kept from being overwritten, thrown away."""

import io
import threading

import docx
import pytest
from sqlalchemy import delete, func, select, update

from app.core import clock
from app.core.learning import catalogue, editing, openers
from app.core.learning.drafts import Draft
from app.models.access import SignInSession
from app.models.conversations import Exchange
from app.models.people import Entitlement, Role, UserLoRootId
from app.models.programs import DisclaimerAcceptance, Program, ProgramLoRootId, QuotaUse
from app.models.records import AuditEntry

ADA = "ada@learn.agency.example"
NEW = {
    "code": " bcc ",
    "name": "Basic Coaching",
    "description": "How to ask.",
    "category": "tap",
    "is_active": "1",
    "lo_root_ids": "A1; 00123,A1",
    "quota": "5",
    "intro_message": "Welcome to {program}: {quota} a day. {x}",
    "content": "# Coaching\r\n\r\nAn open question <script>invites</script> a story.",
    "char_limit": "50,000",
    "system_prompt_role": "A coach",
    "disclaimer_text": "Be kind.",
    "disclaimer_required": "1",
}


def program_of(db, code="BCC"):
    db.rollback()
    return db.scalar(select(Program).where(Program.code == code).execution_options(
        populate_existing=True
    ))  # fmt: skip


def fields_of(admin, program_id):
    """What the form of a program holds, as a browser would send it back."""
    form = admin.page(admin.get(f"/admin/programs/{program_id}/edit")).select_one(".program-form")
    found = {}
    for each in form.select("input, textarea, select"):
        name, kind = each.get("name"), each.get("type")
        if not name or kind == "file" or (kind == "checkbox" and not each.has_attr("checked")):
            continue
        if each.name == "select":
            found[name] = each.select_one("option[selected]")["value"]
        else:
            # A browser drops the line break after the opening tag.
            text = each.text.removeprefix("\n") if each.name == "textarea" else each.get("value")
            found[name] = text or ""
    return found


def told(db, event):
    """The details of the newest audit entry of this kind."""
    db.rollback()
    entries = select(AuditEntry).where(AuditEntry.event == event).order_by(AuditEntry.id.desc())
    entry = db.scalars(entries).first()
    return entry.details if entry else None


def test_a_program_is_made_and_learners_use_it(people, db):
    admin = people.admin()
    made = admin.submit("/admin/programs/add", **NEW)
    assert made.status_code == 303
    program = program_of(db)
    assert made.location == f"/admin/programs/{program.id}"
    assert {each.lo_root_id for each in program.lo_root_ids} == {"A1", "00123"}
    assert (program.quota, program.char_limit, program.category) == (5, 50_000, "tap")
    assert program.content.startswith("# Coaching\n\nAn open")
    details = told(db, "program:added")
    assert (details["program"], details["quota"]) == ("BCC", "5")
    assert "open question" not in str(details)
    assert "sha256" in details["content"]
    page = admin.page(admin.get(made.location))
    assert page.select_one(".intro").text == "Welcome to Basic Coaching: 5 a day. {x}"
    assert "Nobody holds any" in page.text
    assert not page.select("main script:not([src])")
    assert page.select_one(".answer h2").text == "Coaching"
    ada = people.signed_in(ADA, ids=["00123"])
    assert "Be kind." in ada.get("/chat/BCC").text
    assert people.signed_in("b@x.example").get("/chat/BCC").status_code == 403


def test_wrong_fields_are_all_named_and_nothing_is_made(people, db):
    admin = people.admin()
    wrong = {"code": "B C", "quota": "three", "lo_root_ids": "", "content": "x" * 50_001}
    answer = admin.submit("/admin/programs/add", **NEW | wrong)
    assert answer.status_code == 422
    page = admin.page(answer)
    links = [each["href"] for each in page.select(".error-summary a")]
    assert sorted(links) == ["#code", "#content", "#lo_root_ids", "#quota"]
    assert page.title.text.startswith("Error: ")
    assert page.select_one("#quota")["value"] == "three"
    assert page.select_one("#name")["value"] == NEW["name"]
    assert program_of(db) is None


@pytest.mark.parametrize("there", ["BCC", "bcc", "Bcc"])
def test_a_code_is_taken_in_any_case_and_from_the_trash_too(people, db, there):
    people.program(there, name="The first", deleted_at=clock.now())
    admin = people.admin()
    answer = admin.submit("/admin/programs/add", **NEW)
    assert answer.status_code == 422
    assert "in the trash: The first" in answer.text
    assert admin.submit("/admin/programs/add", **NEW | {"code": "S&R"}).status_code == 303
    alias = admin.submit("/admin/programs/add", **NEW | {"code": "safety"})
    assert "a program with this code already" in alias.text
    assert db.scalar(select(func.count(Program.id))) == 2


def test_of_two_who_add_the_same_code_at_once_one_is_told(app, people, db):
    sessions, found = app.extensions["rollcall"].sessions, []
    start = threading.Barrier(4)

    def add(number):
        draft = Draft(code="bcc", name=f"N{number}", intro_message="Hi", content="Text")
        with sessions() as own:
            start.wait(10)
            try:
                editing.add(own, draft, open_to_all=True, by=None, origin=editing.audit.NOWHERE)
                own.commit()
                found.append("made")
            except editing.ProgramRefused as refusal:
                found.append(refusal.problems[0].field)

    threads = [threading.Thread(target=add, args=[number]) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    assert sorted(found) == ["code", "code", "code", "made"]
    assert db.scalar(select(func.count(Program.id))) == 1


def test_the_form_saves_what_changed_and_nothing_else(people, db):
    odd = {"category": "", "content": "x\r\n\r\n\r\n\r\ny  "}
    program = people.program("Safety", ids=["A1"], quota=0, **odd)
    db.execute(update(Program).values(updated_at=None, char_limit=None))
    db.commit()
    admin = people.admin()
    path = f"/admin/programs/{program.id}/edit"
    fields = fields_of(admin, program.id)
    assert admin.submit(path, **fields).status_code == 303
    assert told(db, "program:changed") is None
    assert admin.submit(path, **fields | {"name": "Safety first"}).status_code == 303
    now = program_of(db, "Safety")
    assert (now.name, now.quota, now.char_limit, now.version) == ("Safety first", 0, None, 1)
    assert now.content == "x\r\n\r\n\r\n\r\ny  "
    assert now.updated_at is not None
    assert told(db, "program:changed") == {
        "program": "Safety", "name": "Program Safety → Safety first",
    }  # fmt: skip
    # A code that somebody sends all the same is not taken.
    admin.submit(path, **fields_of(admin, program.id) | {"code": "OTHER", "quota": "2"})
    assert program_of(db, "Safety").quota == 2
    admin.submit(path, **fields_of(admin, program.id) | {"content": "Z" * 300})
    details = told(db, "program:changed")
    assert details["content"].startswith("12 characters, sha256 ")
    assert "→ 300 characters, sha256 " in details["content"]


def test_opening_to_everybody_takes_a_tick_of_its_own(people, db):
    program = people.program("BCC", ids=["A1"])
    admin = people.admin()
    path, fields = f"/admin/programs/{program.id}/edit", fields_of(admin, program.id)
    assert "open_to_all" not in fields
    closed = admin.submit(path, **fields | {"lo_root_ids": " ; "})
    assert "tick that everybody" in closed.text
    both = admin.submit(path, **fields | {"lo_root_ids": "A1;B2", "open_to_all": "1"})
    assert "take one away" in both.text
    opened = admin.submit(path, **fields | {"lo_root_ids": "", "open_to_all": "1"})
    assert opened.status_code == 303
    assert program_of(db).lo_root_ids == []
    assert told(db, "program:changed")["lo_root_ids"] == "A1 → –"
    assert fields_of(admin, program.id)["open_to_all"] == "1"
    assert people.signed_in(ADA).get("/chat/BCC").status_code == 200


def test_who_saves_second_is_told_and_sees_what_differs(people, db, visitors):
    program = people.program("BCC", ids=["A1"])
    admin, path = people.admin(), f"/admin/programs/{program.id}/edit"
    mine, theirs = fields_of(admin, program.id), fields_of(admin, program.id)
    admin.submit(path, **theirs | {"name": "Theirs", "content": "Line 1\nTheir line\nLine 3"})
    answer = admin.submit(path, **mine | {"name": "Mine", "content": "Line 1\nMy line\nLine 3"})
    assert answer.status_code == 409
    page = admin.page(answer)
    assert "Somebody else changed this program" in page.select_one(".error-summary").text
    rows = {row.th.text: [td.text for td in row.select("td")] for row in page.select("tbody tr")}
    assert rows == {"Name": ["Theirs", "Mine"], "Content": ["Their line", "My line"]}
    assert program_of(db).name == "Theirs"
    again = {**mine, "name": "Mine", "version": page.select_one("input[name=version]")["value"]}
    assert admin.submit(path, **again).status_code == 303
    assert program_of(db).name == "Mine"


def test_of_two_who_save_at_once_one_is_told(app, people, db):
    program = people.program("BCC")
    sessions, start, found = app.extensions["rollcall"].sessions, threading.Barrier(4), []

    def change(number):
        with sessions() as own:
            draft = editing.drafts.draft_of(editing.get(own, program.id))
            own.rollback()
            start.wait(10)
            mine = editing.replace(draft, quota=10 + number)
            known = {"version": 0, "open_to_all": False, "by": None}
            try:
                editing.change(own, program.id, mine, **known, origin=editing.audit.NOWHERE)
                own.commit()
                found.append("saved")
            except editing.ProgramChanged:
                found.append("told")

    threads = [threading.Thread(target=change, args=[number]) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    assert sorted(found) == ["saved", "told", "told", "told"]
    assert program_of(db).version == 1


def test_a_preview_shows_what_was_typed_and_saves_nothing(people, db):
    admin = people.admin()
    answer = admin.submit("/admin/programs/add", action="preview", **NEW)
    assert answer.status_code == 200
    preview = admin.page(answer).select_one("#preview")
    assert "Welcome to Basic Coaching: 5 a day. {x}" in preview.text
    assert "Be kind." in preview.text
    assert preview.select_one(".answer h2").text == "Coaching"
    assert preview.select("script") == []
    assert program_of(db) is None
    wrong = admin.submit("/admin/programs/add", action="preview", **NEW | {"quota": "x"})
    assert (wrong.status_code, admin.page(wrong).select("#preview")) == (422, [])


def test_a_file_fills_the_content_and_is_looked_at_before_it_is_saved(people, db):
    document = docx.Document()
    document.add_heading("Listening", 1)
    document.add_paragraph("Listen first. " * 30_000)
    file = io.BytesIO()
    document.save(file)
    admin = people.admin()
    fields = {**NEW, "char_limit": "200000"}
    # Even where somebody presses Save: what nobody has seen is not kept.
    answer = admin.submit(
        "/admin/programs/add", **fields | {"content": ""}, action="save",
        file=(io.BytesIO(file.getvalue()), "plan.docx"),
    )  # fmt: skip
    assert answer.status_code == 200
    page = admin.page(answer)
    assert "plan.docx was read: 420," in page.select_one(".notice").text
    text = page.select_one("#content").text
    assert text.strip().startswith("# Listening")
    assert program_of(db) is None
    long = admin.submit("/admin/programs/add", **fields | {"content": text})
    assert "the limit is 200,000" in long.text
    added = admin.submit(
        "/admin/programs/add", **fields | {"append": "1"}, file=(io.BytesIO(b"And more."), "b.txt")
    )
    assert admin.page(added).select_one("#content").text.strip().endswith("story.\n\nAnd more.")
    bad = admin.submit("/admin/programs/add", **fields, file=(io.BytesIO(b"MZ"), "b.exe"))
    assert bad.status_code == 422
    assert (
        "none of txt, md, pdf, docx and pptx" in admin.page(bad).select_one("a[href='#file']").text
    )
    widest = "語" * 200_000
    assert admin.submit("/admin/programs/add", **fields | {"content": widest}).status_code == 303
    assert program_of(db).content == widest


def test_a_large_body_is_taken_from_nobody_else(people):
    learner = people.signed_in(ADA)
    body = {"content": "x" * 400_000, "csrf_token": learner.token("/program_select")}
    for path in ("/admin/programs/add", "/admin/upload", "/admin/preview_upload"):
        assert learner.client.post(path, data=body).status_code in {403, 413}


def test_a_new_disclaimer_asks_everybody_again(people, db):
    program = people.program("BCC", disclaimer_text="Be kind.")
    admin, path = people.admin(), f"/admin/programs/{program.id}/edit"
    admin.submit(path, **fields_of(admin, program.id) | {"quota": "9"})
    assert program_of(db).disclaimer_version == 1
    admin.submit(path, **fields_of(admin, program.id) | {"disclaimer_text": "Be kinder."})
    assert program_of(db).disclaimer_version == 2


def test_the_trash_closes_a_program_at_once_and_gives_it_back_as_it_was(people, db):
    program = people.program("BCC", ids=["A1"])
    ada, admin = people.signed_in(ADA, ids=["A1"]), people.admin()
    path = f"/admin/programs/{program.id}"
    asked = admin.get(f"{path}/trash")
    assert "1 person can open it now" in asked.text
    assert ada.get("/chat/BCC").status_code == 200
    assert admin.submit(f"{path}/trash").status_code == 303
    assert ada.get("/chat/BCC").status_code == 404
    assert ada.ask("BCC", "What is an open question?").status_code == 404
    assert "Program BCC" not in ada.get("/program_select").text
    assert admin.page(admin.get("/admin/programs")).select("tbody") == []
    assert "Program BCC" in admin.get("/admin/programs?state=trash").text
    for shut in (f"{path}/edit", f"{path}/trash"):
        assert admin.get(shut).status_code == 409
    assert admin.submit(path, to=f"{path}/restore").status_code == 303
    assert ada.ask("BCC", "What is an open question?").status_code == 200
    assert admin.submit("/admin", to=f"{path}/restore").status_code == 409
    assert told(db, "program:trashed") == told(db, "program:restored") == {"program": "BCC"}


def test_a_form_that_was_open_when_it_went_to_the_trash_saves_nothing(people, db):
    program = people.program("BCC")
    admin, path = people.admin(), f"/admin/programs/{program.id}"
    fields = fields_of(admin, program.id)
    admin.submit(f"{path}/trash")
    late = admin.submit("/admin", to=f"{path}/edit", **fields | {"name": "Late"})
    assert late.status_code == 409
    assert program_of(db).name == "Program BCC"


def test_deleting_for_good_asks_for_the_code_and_keeps_the_conversations(people, db):
    program = people.program(
        "BCC", ids=["A1"], disclaimer_text="Be kind.", disclaimer_required=False
    )
    other = people.program("MI", ids=["A1"])
    ada, admin = people.signed_in(ADA, ids=["A1"]), people.admin()
    for code in ("BCC", "MI"):
        assert ada.ask(code, "What is an open question?").status_code == 200
    ada.submit("/chat/BCC", to="/accept_disclaimer/BCC")
    path = f"/admin/programs/{program.id}"
    assert admin.get(f"{path}/purge").status_code == 409
    admin.submit(f"{path}/trash")
    page = admin.get(f"{path}/purge")
    assert "1 question with its answer stays" in page.text
    wrong = admin.submit(f"{path}/purge", code="MI")
    assert (wrong.status_code, program_of(db) is not None) == (422, True)
    db.execute(update(SignInSession).values(proved_at=None))
    db.commit()
    for answer in (
        admin.get(f"{path}/purge"),
        admin.submit("/admin", to=f"{path}/purge", code="BCC"),
    ):
        assert answer.status_code == 303
        assert answer.location.startswith("/confirm?")
    assert program_of(db) is not None
    assert admin.submit("/confirm", password="three green kettles").status_code == 303
    assert admin.submit(f"{path}/purge", code=" bcc ").status_code == 303
    assert program_of(db) is None
    kept = select(Exchange.program_code).order_by(Exchange.id)
    assert db.scalars(kept).all() == ["BCC", "MI"]
    assert db.scalars(select(DisclaimerAcceptance.chatbot_code)).all() == ["BCC"]
    assert db.scalars(select(QuotaUse.program_id)).all() == [other.id]
    assert db.scalars(select(ProgramLoRootId.chatbot_id)).all() == [other.id]
    details = told(db, "program:purged")
    assert (details["program"], details["name"]) == ("BCC", "Program BCC")
    assert "An open question" not in str(details)
    assert admin.get(path).status_code == 404


def test_who_can_open_it_is_counted_and_listed_page_by_page(people, db, monkeypatch):
    monkeypatch.setattr("app.web.admin.programs.PAGE", 2)
    program = people.program("BCC", ids=["A1", "B2", "C3"])
    held = {"a": ["A1"], "b": ["B2", "A1"], "c": ["B2"], "d": ["X9"], "e": ["A1"]}
    for name, ids in held.items():
        people.account(f"{name}@x.example", ids=ids, password=None)
    admin = people.admin()
    path = f"/admin/programs/{program.id}/people"
    seen, pages = [], 0
    while path:
        page = admin.page(admin.get(path))
        assert "4 people." in page.text
        assert [each.text for each in page.select(".notice code")] == ["C3"] * (pages == 0)
        seen += [
            (row.select_one(".under").text[0], [code.text for code in row.select("code")])
            for row in page.select("tbody tr")
        ]
        following = page.select_one("a[rel=next]")
        path, pages = following and following["href"], pages + 1
    assert seen == [("a", ["A1"]), ("b", ["A1", "B2"]), ("c", ["B2"]), ("e", ["A1"])]
    assert pages == 2


def test_who_can_open_it_knows_programs_for_all_and_for_roles(people):
    people.account("a@x.example", password=None)
    open_to_all = people.program("ALL")
    inside = people.program("IN", ids=["INTERNAL_PORTAL", "PMO"])
    nobody = people.program("NO", ids=["Z9"])
    admin = people.admin()

    def listed(program):
        page = admin.page(admin.get(f"/admin/programs/{program.id}/people"))
        return [row.select_one(".under").text for row in page.select("tbody tr")]

    assert listed(open_to_all) == ["a@x.example", "grace@agency.example"]
    assert listed(inside) == ["grace@agency.example"]
    assert listed(nobody) == []
    assert "Nobody can open it" in admin.get(f"/admin/programs/{nobody.id}/people").text


def test_a_list_says_so_where_more_can_open_it_than_it_counts(people, db, monkeypatch):
    monkeypatch.setattr(openers, "MOST", 2)
    for number, ids in enumerate([["A1"], ["A1", "B2"], ["A1"], ["B2"], ["C3", "D4"]]):
        people.account(f"{number}@x.example", ids=ids, password=None)
    programs = {"P1": ["A1"], "P2": ["B2"], "P3": [], "P4": ["B2", "C3"], "P5": ["C3", "D4"]}
    for code, ids in programs.items():
        people.program(code, ids=ids)
    counts = {each.code: (found.number, found.more) for each, found in catalogue.listed(db)}
    assert counts == {
        "P1": (2, True), "P2": (2, False), "P3": (2, True), "P4": (2, True), "P5": (1, False),
    }  # fmt: skip
    admin = people.admin()
    row = admin.page(admin.get("/admin/programs?q=p1")).select_one("tbody tr")
    assert row.select("td.number")[-1].text == "2 or more"
    monkeypatch.setattr(openers, "MOST_HOLDINGS", 2)
    many = program_of(db, "P4")
    assert openers.count(db, many) == openers.Count(3, more=True)
    assert openers.count(db, program_of(db, "P1")) == openers.Count(3)


def test_the_list_is_searched_filtered_and_paged(people, db, monkeypatch):
    monkeypatch.setattr("app.web.admin.programs.PAGE", 3)
    for code in ("aa", "AB", "B_", "CD", "DD", "EE", "FF"):
        people.program(code, name=f"name of {code}", category="tap" if code == "CD" else "standard")
    off = people.program("OFF", name="Zulu 100%", description="about listening")
    db.execute(update(Program).where(Program.id == off.id).values(is_active=None))
    db.commit()
    people.program("OLD", name="alpha", category="")
    admin = people.admin()

    def codes(path):
        found = []
        while path:
            page = admin.page(admin.get(path))
            found += [each.text.split(" · ")[0] for each in page.select("tbody .under")]
            following = page.select_one("a[rel=next]")
            path = following and following["href"]
        return found

    assert codes("/admin/programs") == [
        "OLD", "aa", "AB", "B_", "CD", "DD", "EE", "FF", "OFF",
    ]  # fmt: skip
    assert codes("/admin/programs?q=LISTEN") == ["OFF"]
    assert codes("/admin/programs?q=b_") == ["B_"]
    assert codes("/admin/programs?q=100%25") == ["OFF"]
    assert codes("/admin/programs?category=tap") == ["CD"]
    assert codes("/admin/programs?category=standard&q=alpha") == ["OLD"]
    assert codes("/admin/programs?state=off") == ["OFF"]
    assert len(codes("/admin/programs?state=open")) == 8
    assert "Nothing fits" in admin.get("/admin/programs?q=none").text
    assert "The trash is empty" in admin.get("/admin/programs?state=trash").text
    for odd in ("?after=99999", "?after=x", "?state=x&category=x", "?q=%00"):
        assert admin.get(f"/admin/programs{odd}").status_code == 200


def test_a_role_that_may_only_look_is_offered_and_allowed_nothing_else(people, db):
    program = people.program("BCC", ids=["A1"])
    gone = people.program("MI", deleted_at=clock.now())
    admin = people.admin()
    db.execute(update(Role).values(permissions=["programs:read"]))
    db.commit()
    path = f"/admin/programs/{program.id}"
    for each in ("/admin/programs", path, f"/admin/programs/{gone.id}"):
        page = admin.page(admin.get(each)).select_one(".admin-main")
        words = page.text
        for act in ("Add a program", "Edit", "trash\n", "Restore", "Delete"):
            assert act not in words.replace("All but the trash", ""), each
    assert admin.get(f"{path}/people").status_code == 403
    for closed in ("/admin/programs/add", f"{path}/edit", f"{path}/trash", f"{path}/purge"):
        assert admin.get(closed).status_code == 403
        assert admin.submit("/admin", to=closed).status_code == 403
    assert admin.submit("/admin", to=f"/admin/programs/{gone.id}/restore").status_code == 403


def test_taking_an_id_away_closes_the_program_to_who_held_it(people, db):
    program = people.program("BCC", ids=["A1", "B2"])
    ada = people.signed_in(ADA, ids=["A1"])
    admin = people.admin()
    fields = fields_of(admin, program.id)
    admin.submit(f"/admin/programs/{program.id}/edit", **fields | {"lo_root_ids": "B2"})
    assert ada.get("/chat/BCC").status_code == 403
    db.execute(delete(Entitlement))
    db.execute(delete(UserLoRootId))
    db.commit()
    assert "Nobody holds any" in admin.get(f"/admin/programs/{program.id}").text
