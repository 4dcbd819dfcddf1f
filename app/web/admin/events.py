"""The words of the audit log: what each event is called, and each area of them."""

from __future__ import annotations

from flask_babel import gettext as _

from app.core.audit import Event
from app.core.errors import N_

WORDS = {
    Event.ACCOUNT_ADDED: N_("Account added"),
    Event.ACCOUNT_BROUGHT: N_("Brought over from a predecessor"),
    Event.ACCOUNT_DELETED: N_("Account deleted"),
    Event.ACCOUNT_EDITED: N_("Account edited"),
    Event.ACCOUNT_EXPLAINED: N_("Looked at why somebody cannot get in"),
    Event.ACCOUNT_EXTENDED: N_("Expiry moved"),
    Event.ACCOUNT_GIVEN_BACK: N_("What had given way to a list came back"),
    Event.ACCOUNT_INVITED: N_("Invited"),
    Event.ACCOUNT_OPENED: N_("Account opened"),
    Event.ACCOUNT_RESTORED: N_("Let in again"),
    Event.ACCOUNT_SUSPENDED: N_("Suspended"),
    Event.ACCOUNT_YIELDED: N_("What was set by hand gave way to a list"),
    Event.ADMIN_APPOINTED: N_("Admin appointed"),
    Event.AUDIT_HEAD_REMADE: N_("The audit chain's head was missing"),
    Event.AUDIT_PRUNED: N_("Old entries deleted"),
    Event.CHAT_CLEARED: N_("Conversation cleared"),
    Event.CONVERSATIONS_DELETED: N_("Conversations deleted"),
    Event.CONVERSATIONS_EXPIRED: N_("Old conversations deleted"),
    Event.CONVERSATIONS_EXPORTED: N_("Conversations exported"),
    Event.CONVERSATIONS_TO_DELETE: N_("Deletion of conversations ordered"),
    Event.CONVERSATION_READ: N_("Conversation read"),
    Event.DATABASE_ADOPTED: N_("Database taken over"),
    Event.EMERGENCY_BEGAN: N_("Emergency switch on: all programs opened"),
    Event.EMERGENCY_ENDED: N_("Emergency switch off"),
    Event.EMERGENCY_RAN_OUT: N_("Emergency switch ran out"),
    Event.FLOOD_COUNTED: N_("A flood was counted"),
    Event.INTRUSION_REPORTED: N_("“This was not me” pressed"),
    Event.INVITATIONS_BEGAN: N_("Invitations began"),
    Event.INVITATIONS_RESUMED: N_("Invitations went on"),
    Event.INVITATIONS_STOPPED: N_("Invitations stopped"),
    Event.JOB_RETRIED: N_("Job tried again"),
    Event.JOB_STOPPED: N_("Job stopped"),
    Event.MAIL_FAILED: N_("Mail failed"),
    Event.MAIL_RESENT: N_("Mail sent again"),
    Event.MAIL_SENT: N_("Mail sent"),
    Event.MAIL_TESTED: N_("Test mail sent"),
    Event.PASSWORD_CHANGED: N_("Password changed"),
    Event.PAUSE_BEGAN: N_("Sign-in paused"),
    Event.PAUSE_LIFTED: N_("Pause lifted"),
    Event.PEOPLE_ADDED: N_("Many people added"),
    Event.PEOPLE_CHANGED: N_("Many people changed"),
    Event.PHONE_ADDED: N_("Number added"),
    Event.PHONE_ASKED: N_("Code to add a number asked for"),
    Event.PHONE_REMOVED: N_("Number removed"),
    Event.PROGRAM_ADDED: N_("Program added"),
    Event.PROGRAM_CHANGED: N_("Program changed"),
    Event.PROGRAM_PURGED: N_("Program deleted for good"),
    Event.PROGRAM_RESTORED: N_("Program taken out of the trash"),
    Event.PROGRAM_TRASHED: N_("Program put into the trash"),
    Event.RECOVERY_ASKED: N_("Help to get in asked for"),
    Event.REGISTRATION_ASKED: N_("Registration asked for"),
    Event.REQUEST_REFUSED: N_("Request refused"),
    Event.RETENTION_SET: N_("Days to keep conversations set"),
    Event.ROLE_CHANGED: N_("Role changed"),
    Event.ROLE_DELETED: N_("Role deleted"),
    Event.ROLE_GRANTED: N_("Role given"),
    Event.ROLE_MADE: N_("Role made"),
    Event.ROLE_WITHDRAWN: N_("Role taken away"),
    Event.ROSTER_APPLIED: N_("List applied"),
    Event.ROSTER_CHECKED: N_("List checked"),
    Event.ROSTER_CONFIRMED: N_("Held list confirmed"),
    Event.ROSTER_DISCARDED: N_("List put aside"),
    Event.ROSTER_FAILED: N_("List could not be checked"),
    Event.ROSTER_FOLLOWED: N_("What people hold set to the list"),
    Event.ROSTER_HELD: N_("List held"),
    Event.ROSTER_LET_GO: N_("Held list let go"),
    Event.ROSTER_PAIRS_CONFIRMED: N_("Changed addresses confirmed"),
    Event.ROSTER_PAIRS_LEFT: N_("Changed addresses left as two people"),
    Event.ROSTER_REFUSED: N_("List refused"),
    Event.ROSTER_UPLOADED: N_("List uploaded"),
    Event.SESSION_ENDED: N_("Session ended"),
    Event.SESSION_PROVED: N_("Confirmed who they are"),
    Event.SETUP_RESENT: N_("Link to set a password mailed"),
    Event.SIGN_IN_ADMITTED: N_("Signed in"),
    Event.SIGN_IN_REFUSED: N_("Sign-in refused"),
}

AREAS = {
    "account": N_("Accounts"),
    "audit": N_("Audit log"),
    "chat": N_("Chats"),
    "conversation": N_("Conversations read"),
    "conversations": N_("Conversations"),
    "database": N_("Database"),
    "emergency": N_("Emergency"),
    "flood": N_("Floods"),
    "invitations": N_("Invitations"),
    "job": N_("Jobs"),
    "mail": N_("Mails"),
    "password": N_("Passwords"),
    "people": N_("Many people at once"),
    "phone": N_("Numbers"),
    "program": N_("Programs"),
    "recovery": N_("Recovery"),
    "registration": N_("Registration"),
    "request": N_("Requests"),
    "retention": N_("Days kept"),
    "role": N_("Roles"),
    "roster": N_("Roster"),
    "session": N_("Sessions"),
    "sign_in": N_("Sign-ins"),
}


def name_of(event: str) -> str:
    """What an event is called, in the reader's language; an unknown one by its own word."""
    words = {each.value: said for each, said in WORDS.items()}.get(event)
    return _(words) if words else event.replace("_", " ").replace(":", ": ").capitalize()


def area_of(area: str) -> str:
    """What an area of events is called, in the reader's language."""
    return _(AREAS[area]) if area in AREAS else area.replace("_", " ").capitalize()
