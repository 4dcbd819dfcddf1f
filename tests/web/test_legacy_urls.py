"""The addresses of the legacy application: each answers its caller, and nobody else."""

import base64
import io

import pytest
from sqlalchemy import delete, select, update

from app import create_app, jobs
from app.core.people.roles import Permission
from app.core.roster.files import Line, open_file
from app.models.conversations import Exchange
from app.models.people import Entitlement, Role, UserLoRootId
from app.models.programs import Program
from app.models.rosters import RosterImport
from tests.conftest import Visitor

ADA = "ada@learn.agency.example"
TOKEN = "x" * 60

PUBLIC = f"""
GET /
GET POST /register
GET POST /register/password
GET POST /login
GET POST /login_legacy
GET POST /first-time-password
GET POST /forgot-password
GET POST /reset-password/{TOKEN}
GET POST /setup-password/{TOKEN}
GET POST /logout
GET /index
"""

LEARNER = """
GET /
GET /program_select
GET /switch_program
GET /set_program/bcc
GET /index
GET /index_bcc
GET /index_mi
GET /index_safety
GET /index_generic/bcc
POST /chat
POST /clear_chat_history
GET /older_messages?program_code=BCC&before_id=1
POST /accept_disclaimer/BCC
GET POST /logout
"""

ADMIN = """
GET /admin?page=1&per_page=10&search_term=x&chatbot_code=BCC&user_id=1
POST /admin/upload
POST /admin/preview_upload
POST /admin/delete_chatbot
POST /admin/restore_chatbot
POST /admin/permanent_delete_chatbot
POST /admin/update_description
POST /admin/update_category
POST /admin/update_chatbot_content
GET /admin/get_chatbot_content/BCC
POST /admin/update_lo_root_ids
POST /update_intro_message
POST /update_quota
POST /get_chatbot_content
POST /update_chatbot_content
GET /admin/export_data?type=users&format=csv
POST /admin/search_conversations
POST /admin/delete_conversations
GET /users
GET /export
GET /export_users
GET POST /delete_registration
GET /admin/manage_users?search=x&sort_by=email&sort_order=asc
GET /admin/get_users
POST /admin/add_user
POST /admin/edit_user
GET /debug_quota/BCC?user_id=1
GET /debug_user/1
GET /debug_access_control
POST /admin/delete_user/1
POST /admin/delete_selected_users
POST /admin/delete_all_users
POST /admin/upload_user_csv
POST /admin/upload_authorized_users_csv
GET /admin/download_authorized_users_csv
GET /admin/authorized_users_status
GET /admin/check_duplicates
POST /admin/remove_duplicates
GET POST /emergency_disable_access_control
GET POST /emergency_fix_user_lo_ids
"""

JSON = {"message": "What is an open question?", "program": "BCC"}


def calls(table):
    for line in table.strip().splitlines():
        *methods, path = line.split()
        for method in methods:
            yield method, path


def call(visitor, method, path, *, token, script=False):
    """One call as a page of the legacy application, or its script, would make it."""
    if method == "GET":
        accept = "application/json" if script else "text/html"
        return visitor.get(path, headers={"Accept": accept})
    if script:
        return visitor.client.post(path, json=JSON, headers={"X-CSRFToken": token})
    return visitor.client.post(path, data={"csrf_token": token})


@pytest.fixture
def programs(people):
    people.program("BCC", ids=["A1"])
    people.program("MI", ids=["A1", "B2"])
    people.program("SAFETY", ids=["A1", "C3"])


def test_case_26_every_legacy_address_answers_its_proper_caller(app, programs, people, visitors):
    learner = people.signed_in(ADA, ids=["A1"])
    admin = people.admin()
    for who, table in ((visitors(), PUBLIC), (learner, LEARNER), (admin, ADMIN)):
        token = who.token("/")
        for method, path in calls(table):
            # The chat is a script's; leaving comes last, because nobody is there after it.
            script = path in {"/chat", "/clear_chat_history", "/admin/add_user"}
            status = call(who, method, path, token=token, script=script).status_code
            assert status < 500, (method, path, status)
            assert status not in {404, 405}, (method, path, status)
            if table is not PUBLIC:
                assert status not in {401, 403}, (method, path, status)


def test_case_27_admin_addresses_are_closed_to_everybody_else(people, visitors):
    learner, guest = people.signed_in(ADA), visitors()
    tokens = learner.token("/program_select"), guest.token()
    for method, path in calls(ADMIN):
        for script in (False, True):
            answer = call(learner, method, path, token=tokens[0], script=script)
            assert answer.status_code == 403, (method, path)
        assert call(guest, method, path, token=tokens[1], script=True).status_code == 401, path
        led = call(guest, method, path, token=tokens[1])
        assert led.status_code == (302 if method == "GET" else 303), (method, path)
        assert led.location.startswith("/login?next=/"), (method, path)


@pytest.fixture(params=["set", "unset"])
def basic_pair(request, environment):
    if request.param == "set":
        environment |= {"AUTH_USERNAME": "admin", "AUTH_PASSWORD": "hush"}


@pytest.mark.parametrize(
    "credentials",
    [
        None,
        "Basic " + base64.b64encode(b"admin:hush").decode(),
        "Basic " + base64.b64encode(b":").decode(),
        "Basic " + base64.b64encode(b"None:None").decode(),
        "Bearer None",
        "Bearer",
    ],
)
def test_case_27_no_header_opens_an_admin_address(basic_pair, visitor, people, credentials):
    headers = {"Authorization": credentials} if credentials else {}
    for path in ("/admin", "/admin/people", "/users", "/export", "/debug_user/1"):
        page = visitor.get(path, headers=headers)
        assert (page.status_code, page.location) == (302, f"/login?next={path}")
        script = visitor.get(path, headers=headers | {"Accept": "application/json"})
        assert script.status_code == 401
        assert "WWW-Authenticate" not in script.headers


def test_every_legacy_admin_address_names_a_permission(app):
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("admin_legacy.")]
    found = {
        rule.rule: getattr(app.view_functions[rule.endpoint], "permission", None) for rule in rules
    }
    assert found
    assert all(isinstance(each, Permission) for each in found.values()), found


def test_a_role_without_the_permission_is_not_let_in(people, db):
    admin = people.admin()
    db.execute(update(Role).values(permissions=["outbox:read"]))
    db.commit()
    token = admin.token("/admin")
    for method, path in calls(ADMIN):
        if not path.startswith("/admin?"):
            assert call(admin, method, path, token=token).status_code == 403, path


def test_case_25_an_emergency_address_explains_and_changes_nothing(people, db):
    people.program("BCC", ids=["A1"])
    admin = people.admin()
    for path in ("/emergency_disable_access_control", "/emergency_fix_user_lo_ids"):
        page = admin.get(path)
        assert page.status_code == 200
        assert "visiting it changes nothing" in page.text
        assert admin.client.post(path).status_code == 400
        message = admin.get(path, headers={"Accept": "application/json"}).json["message"]
        assert "changes nothing" in message
    learner = people.signed_in(ADA)
    assert learner.get("/chat/BCC").status_code == 403


def test_people_are_found_at_their_old_address(people):
    admin = people.admin()
    assert admin.get("/users").location == "/admin/people"
    assert admin.get("/admin/manage_users?search=love").location == "/admin/people?q=love"


def test_the_old_upload_address_checks_a_list_and_applies_nothing(people, db):
    people.listed("Lovelace", ADA, "A1")
    admin = people.admin()
    content = b"last_name,email,status,lo_root_id\nHopper,grace@x.example,Active,A1\n"
    file = (io.BytesIO(content), "authorized_users.csv")
    answer = admin.submit("/admin/roster", to="/admin/upload_authorized_users_csv", file=file)
    assert answer.status_code == 303
    assert "grace@x.example" in admin.get(answer.location).text
    assert db.scalars(select(RosterImport.state).order_by(RosterImport.id)).all() == [
        "applied",
        "uploaded",
    ]
    status = admin.get("/admin/authorized_users_status").json
    assert (status["total_users"], status["active_users"]) == (1, 1)


def test_a_large_list_may_come_by_the_old_address(people):
    admin = people.admin()
    lines = [f"Name,p{number}@x.example,Active,A1" for number in range(12_000)]
    content = "\n".join(["last_name,email,status,lo_root_id", *lines]).encode()
    assert len(content) > 300_000
    answer = admin.submit(
        "/admin/roster",
        to="/admin/upload_authorized_users_csv",
        file=(io.BytesIO(content), "x.csv"),
    )
    assert answer.status_code == 303


def test_the_status_of_the_list_counts_rows_and_people(people):
    admin = people.admin()
    empty = admin.get("/admin/authorized_users_status").json
    assert empty == {
        "file_exists": False, "total_users": 0, "active_users": 0, "last_modified": None,
    }  # fmt: skip
    people.listed("Lovelace", ADA, "A1", "B2")
    people.listed("Turing", "alan@x.example", "A1", active=False)
    full = admin.get("/admin/authorized_users_status").json
    assert (full["file_exists"], full["active_users"]) == (True, 1)
    assert full["last_modified"].endswith("+00:00")


def test_case_17_a_list_that_was_downloaded_changes_nothing_when_it_comes_back(people):
    odd = ['=HYPERLINK("x")', "'=quoted", 'O"Neil, "Ann"', "@home", "-Dash", "O’Neil", "Łukasz"]
    for number, name in enumerate(odd):
        people.listed(name, f"p{number}@x.example", "00123", "-A1")
    people.listed("Idle", "idle@x.example", active=False)
    admin = people.admin()
    file = admin.get("/admin/download_authorized_users_csv")
    assert file.mimetype == "text/csv"
    assert "attachment" in file.headers["Content-Disposition"]
    assert "'=HYPERLINK" in file.text
    assert '"=HYPERLINK' not in file.text
    lines = [each for each in open_file(io.BytesIO(file.data), encoding=None)
             if isinstance(each, Line)]  # fmt: skip
    found = {(line.last_name, line.email, line.lo_root_ids) for line in lines}
    assert found == {
        *((name, f"p{number}@x.example", (each,)) for number, name in enumerate(odd)
          for each in ("00123", "-A1")),
        ("Idle", "idle@x.example", ()),
    }  # fmt: skip
    again = (io.BytesIO(file.data), "authorized_users.csv")
    columns = admin.submit("/admin/roster", file=again).location
    names = ("user_code", "last_name", "email", "status", "class_name", "date", "lo_root_id")
    chosen = {f"column-{number}": name for number, name in enumerate(names)}
    preview = admin.submit(columns, mode="replace", **chosen).location
    parts = admin.app.extensions["rollcall"]
    with admin.app.app_context():
        jobs.work_off(parts.sessions, parts.settings)
    assert "Nothing to do" in admin.get(preview).text


def test_case_30_the_old_addresses_of_programs_check_access_and_grant_nothing(people, visitors, db):
    people.program("BCC", ids=["A1", "B2"])
    people.program("MI", ids=["C3"])
    people.program("SAFETY", ids=["C3"])
    ada = people.signed_in(ADA, ids=["A1"])
    assert ada.get("/index_bcc").location == "/chat/BCC"
    assert ada.get("/index_generic/bCc").location == "/chat/BCC"
    for path in ("/index_mi", "/index_safety", "/index_generic/S&R", "/index_generic/mi"):
        assert ada.get(path).status_code == 403, path
    assert ada.get("/index_generic/none").status_code == 404
    assert db.scalars(select(UserLoRootId.lo_root_id)).all() == ["A1"]
    assert visitors().get("/index_bcc").location == "/login?next=/index_bcc"


@pytest.mark.parametrize("code", ["SAFETY", "S&R", "Safety"])
def test_case_30_who_comes_by_a_bookmark_can_ask(people, code):
    people.program("BCC")
    people.program(code, ids=["A1"])
    ada = people.signed_in(ADA, ids=["A1"])
    ada.get("/index_bcc")
    assert ada.follow(ada.get("/index_safety")).status_code == 200
    assert ada.ask(None, "What is an open question?").status_code == 200
    page = ada.page(ada.get(f"/chat/{code.lower()}"))
    assert len(page.select(".question")) == 1


def test_case_30_the_program_that_was_set_is_asked_where_none_is_named(people, db):
    people.program("BCC", ids=["A1"])
    people.program("MI", ids=["A1"])
    ada = people.signed_in(ADA, ids=["A1"])
    nameless = ada.ask(None, "What is an open question?")
    assert (nameless.status_code, nameless.json["code"]) == (400, "no_program")
    assert nameless.json["error"]
    ada.get("/set_program/mi")
    assert ada.ask(None, "What is an open question?").status_code == 200
    assert ada.ask("", "What is an open question?").status_code == 200
    assert set(db.scalars(select(Exchange.program_code))) == {"MI"}
    db.execute(delete(UserLoRootId))
    db.execute(delete(Entitlement))
    db.commit()
    assert ada.ask(None, "What is an open question?").status_code == 403


@pytest.mark.parametrize("body", ["{}", '{"program": ""}', '{"program": 1}', "[]", "{", ""])
def test_clearing_without_a_program_is_refused_in_the_legacy_way(people, body):
    people.program("BCC")
    ada = people.signed_in(ADA)
    headers = {"X-CSRFToken": ada.token("/program_select"), "Content-Type": "application/json"}
    answer = ada.client.post("/clear_chat_history", data=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json == {"success": False, "error": "Say which program."}


def test_case_8_old_spellings_lead_to_one_program_everywhere(people, db):
    people.program("SAFETY", name="Safety Assessment")
    ada = people.signed_in(ADA)
    for code in ("Safety", "safety", "S&R"):
        db.add(Exchange(user_id=1, program_code=code, user_message=code, bot_message="A"))
    db.commit()
    page = ada.page(ada.get("/program_select"))
    assert page.select_one(".continue a")["href"] == "/chat/SAFETY"
    for code in ("safety", "Safety", "s&r", "S&R"):
        assert len(ada.page(ada.get(f"/chat/{code}")).select(".question")) == 3
        older = ada.get(f"/older_messages?program_code={code.replace('&', '%26')}").json
        assert len(older["messages"]) == 3


def test_older_messages_are_of_the_program_that_was_set_where_none_is_named(people, db):
    people.program("BCC")
    ada = people.signed_in(ADA)
    ada.get("/set_program/bcc")
    ada.ask(None, "What is an open question?")
    (only,) = ada.get("/older_messages").json["messages"]
    assert only["message"] == "What is an open question?"
    assert ada.get(f"/older_messages?before_id={only['id']}").json == {
        "messages": [],
        "has_more": False,
    }


def test_an_internal_program_is_for_people_with_a_role_and_in_no_list(people, visitors):
    people.program("BCC", ids=["A1"])
    people.program("PORTAL", ids=["INTERNAL_PORTAL", "PMO"], name="Inside")
    learner = people.signed_in(ADA, ids=["A1", "PMO", "INTERNAL_PORTAL"])
    assert "Inside" not in learner.get("/program_select").text
    assert learner.get("/chat/PORTAL").status_code == 403
    admin = people.admin()
    assert admin.get("/chat/PORTAL").status_code == 200
    assert "Inside" not in admin.get("/program_select").text
    row = next(
        each for each in admin.page(admin.get("/admin/programs")).select("tr")
        if "PORTAL" in each.text
    )  # fmt: skip
    assert row.select("td.number")[-1].text == "1"


def test_a_program_without_a_description_has_a_stock_one(people):
    people.program("BCC", description="  ")
    people.program("MI", description=None)
    people.program("X", description="About listening")
    ada = people.signed_in(ADA)
    texts = [each.text for each in ada.page(ada.get("/program_select")).select(".program p")]
    assert sorted(texts) == [
        "About listening",
        "Ask this program anything about its subject.",
        "Ask this program anything about its subject.",
    ]


def test_case_33_a_deactivated_program_is_refused_cleanly_in_every_worker(
    app, settings, people, db
):
    people.program("BCC")
    here = people.signed_in(ADA)
    second = create_app(settings)
    there = Visitor(second)
    there.client.set_cookie("rollcall", here.client.get_cookie("rollcall").value)
    for visitor in (here, there):
        assert visitor.ask("BCC", "What is an open question?").status_code == 200
    db.execute(update(Program).values(is_active=False))
    db.commit()
    for visitor in (here, there):
        answer = visitor.ask("BCC", "What is an open question?")
        assert (answer.status_code, answer.json["code"]) == (404, "unknown_program")
        page = visitor.get("/chat/BCC")
        assert page.status_code == 404
        assert "There is no program of that name here" in page.text
    second.extensions["rollcall"].sessions.kw["bind"].dispose()
