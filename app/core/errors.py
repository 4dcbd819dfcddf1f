"""Every named "no" of Rollcall: a code for programs, a status for HTTP, words for people."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar


def N_(words: str) -> str:  # noqa: N802 - gettext's own name for a marked, untranslated string
    """Mark `words` for translation and return them unchanged; the edge translates."""
    return words


class Refusal(Exception):
    """A "no" with a reason. `values` fill the %(name)s places of `words` after translation."""

    code: ClassVar[str] = "refused"
    status: int = 400
    words: str = N_("That is not possible.")

    def __init__(self, **values: Any) -> None:
        super().__init__(self.code)
        self.values = values

    @property
    def message(self) -> str:
        """The English words with their values filled in: for logs, commands and tests."""
        return self.words % self.values if self.values else self.words


class CannotSignIn(Refusal):
    """Whatever was wrong with a sign-in, this is all that the page says."""

    code = "cannot_sign_in"
    status = 401
    words = N_("Invalid email or password. Check both, or choose a new password by mail.")


class Busy(Refusal):
    """Too many people whom nobody knows yet are signing in at once; nothing was looked up."""

    code = "busy"
    status = 503
    words = N_("We are busy for a moment. Please press the button again.")

    def __init__(self, until: datetime) -> None:
        super().__init__()
        self.until = until


class CodesAway(Refusal):
    """Where codes are kept cannot be reached: none is made or tried; everybody is told so."""

    code = "codes_away"
    status = 503
    words = N_("Codes do not work for a moment, for nobody. Please try again in a minute.")

    def __init__(self, until: datetime) -> None:
        super().__init__()
        self.until = until


class TooManyTries(Refusal):
    """A count reached its limit; known and unknown addresses count alike."""

    code = "too_many_tries"
    status = 429
    words = N_("Too many tries. Try again at %(time)s.")

    def __init__(self, until: datetime) -> None:
        super().__init__(time=until)
        self.until = until


class ClosedForGood(TooManyTries):
    """So many wrong tries in a row that this way is closed until something else is proven."""

    words = N_("Too many wrong codes in a row. Use the button in our mail instead.")


class TooManyPasswords(TooManyTries):
    """Too many wrong passwords; the way by mail is open all the while."""

    words = N_("Too many tries. Wait %(wait)s, or choose a new password by mail.")

    def __init__(self, until: datetime, now: datetime) -> None:
        super().__init__(until)
        self.values["wait"] = until - now


class TooManyCodes(TooManyTries):
    """Too many wrong codes; the button of the same mail still works."""

    words = N_("Too many wrong codes. Use the button in our mail, or try again at %(time)s.")


class WrongCode(Refusal):
    """The six digits do not belong to this address and purpose."""

    code = "wrong_code"
    status = 400
    words = N_("This code does not fit. Use the one in the newest mail from us.")


class CodeRanOut(Refusal):
    """The right digits, but too late: a fresh code has been mailed."""

    code = "code_ran_out"
    status = 400
    words = N_("This code has run out. A new one is on its way to %(address)s.")


class AddressTaken(Refusal):
    """There is an account with this address; its person signs in instead."""

    code = "address_taken"
    status = 409
    words = N_("There is an account with this address already. Choose another one.")


class LinkDead(Refusal):
    """A mailed or printed link that was used, ran out, or was overtaken by a change."""

    code = "link_dead"
    status = 410
    words = N_(
        "This link no longer works: it was used, it ran out, or your account has changed since."
    )


class NoLongerListed(Refusal):
    """The person was on the list when they began to register, and is not any more."""

    code = "no_longer_listed"
    status = 410
    words = N_("Your address is no longer on the list. %(contact)s can help.")


class PasswordNeeded(Refusal):
    """Somebody with a role, whom a mailed code alone does not let in here."""

    code = "password_needed"
    status = 403
    words = N_("Who has a role signs in with a password.")


class PasswordRefused(Refusal):
    """A new password that must not be taken; the reason is said (NIST SP 800-63B-4 §3.1.1.2)."""

    code = "password_refused"
    status = 422
    words = N_("Choose another password.")

    def __init__(self, words: str, **values: Any) -> None:
        super().__init__(**values)
        self.words = words


class SignedOut(Refusal):
    """Nobody is signed in, or no longer; `words` may say why."""

    code = "signed_out"
    status = 401
    words = N_("Please sign in to go on.")


class NotAllowed(Refusal):
    """Somebody is signed in but lacks the permission."""

    code = "not_allowed"
    status = 403
    words = N_("Your account may not do that.")


class UnknownProgram(Refusal):
    """No such program, or it is switched off."""

    code = "unknown_program"
    status = 404
    words = N_("There is no program of that name here.")


class ProgramClosed(Refusal):
    """The program exists, but none of its LO Root IDs is held."""

    code = "program_closed"
    status = 403
    words = N_("%(program)s is not open to your account. Ask %(contact)s which class opens it.")


class NoProgram(Refusal):
    """A question to no program: none was named, and none was opened before."""

    code = "no_program"
    status = 400
    words = N_("Say which program.")


class DisclaimerNotAccepted(Refusal):
    """The program shows a text that must be accepted before the first question."""

    code = "disclaimer_not_accepted"
    status = 403
    words = N_("%(program)s has a text that you accept before you ask. Open its page to read it.")


class DisclaimerChanged(Refusal):
    """What was accepted is not the text that the program shows now."""

    code = "disclaimer_changed"
    status = 409
    words = N_("The text has changed since you opened this page. Please read it again.")


class EmptyQuestion(Refusal):
    """A question without a word in it."""

    code = "empty_question"
    status = 400
    words = N_("Write a question first.")


class QuestionTooLong(Refusal):
    """A question beyond the limit, in characters."""

    code = "question_too_long"
    status = 413
    words = N_("A question can have %(limit)s characters; this one has %(length)s.")


class QuotaUsedUp(Refusal):
    """All questions of this person, program and UTC day are asked."""

    code = "quota_used_up"
    status = 429
    words = N_(
        "That was question %(quota)s of %(quota)s for today in %(program)s."
        " The next ones open at %(time)s."
    )

    def __init__(self, program: str, quota: int, until: datetime) -> None:
        super().__init__(program=program, quota=quota, time=until)
        self.quota = quota
        self.until = until


class NoAnswer(Refusal):
    """The answerer failed; the question is kept and was not counted."""

    code = "no_answer"
    status = 502
    words = N_("No answer came back. Your question is kept and was not counted.")


class NotFound(Refusal):
    """What was asked for is not there, or belongs to somebody else."""

    code = "not_found"
    status = 404
    words = N_("There is nothing here.")


class ListRefused(Refusal):
    """A roster that must not replace the list in force."""

    code = "list_refused"
    status = 422
    words = N_("This list has no active person in it. The list in force stays as it was.")


class NobodyReadable(ListRefused):
    """A roster without a person to let in that has problem lines; the first one is named."""

    words = N_(
        "This list has no active person in it. The list in force stays as it was."
        " Problem lines: %(count)s, the first is line %(line)s. %(reason)s"
    )


class ListChanged(Refusal):
    """The list in force is not the one that this import was compared with."""

    code = "list_changed"
    status = 409
    words = N_("The list changed since this file was checked. Upload it again.")


class ImportSettled(Refusal):
    """An import that was already applied or discarded."""

    code = "import_settled"
    status = 409
    words = N_("This import was already applied or put aside.")


class ImportMovedOn(ImportSettled):
    """The import of a job does not wait for it: it is settled, failed, or has another job now."""

    words = N_("Import %(number)s does not wait for this job any more: see where it stands.")


class ImportFailed(Refusal):
    """What ended an import, for its job that is taken up again because it had not said so yet."""

    code = "import_failed"
    status = 409
    words = N_("%(reason)s")


class NumberDiffers(Refusal):
    """A held import waits for a number, and another one was typed."""

    code = "number_differs"
    status = 422
    words = N_("This import is held. Type %(number)s to let it go, or put it aside.")


class SecondAdmin(Refusal):
    """Who let a held import go asks to confirm it too, or nobody let it go yet."""

    code = "second_admin"
    status = 409
    words = N_("A held import goes once one admin let it go and another one confirms it.")


class NothingToUndo(Refusal):
    """Only the import that made the list in force can be taken back, while its lines are kept."""

    code = "nothing_to_undo"
    status = 409
    words = N_("Only the last import can be undone, and only while what it replaced is kept.")


class FileGone(Refusal):
    """The file of an import was dropped when the import was settled."""

    code = "file_gone"
    status = 409
    words = N_("The file of this import is no longer kept. Upload it again.")


class ProblemsLeft(Refusal):
    """Applying needs a word that the problem lines are to be left out."""

    code = "problems_left"
    status = 422
    words = N_("Tick that the problem lines are left out, or mend the file and upload it again.")


class BeyondYours(Refusal):
    """Nobody gives, takes or shapes a role with a permission that they do not hold themselves."""

    code = "beyond_yours"
    status = 403
    words = N_("You can only give and take away what your own roles let you do.")


class OwnRole(Refusal):
    """One's own roles are changed by somebody else."""

    code = "own_role"
    status = 409
    words = N_("Nobody changes their own roles. Ask another admin to do it.")


class LastOwner(Refusal):
    """Without this person nobody would be left who may do everything."""

    code = "last_owner"
    status = 409
    words = N_("Nobody else is an owner who can sign in. Make somebody else an owner first.")


class FixedRole(Refusal):
    """The owner's role is what it is."""

    code = "fixed_role"
    status = 409
    words = N_("An owner may do everything: this role cannot be changed or deleted.")


class RoleChanged(Refusal):
    """A role, or who has it, changed since the page was opened that shows what would follow."""

    code = "role_changed"
    status = 409
    words = N_("This role, or who has it, changed since you opened the page. Look again.")


class BadRole(Refusal):
    """A role that cannot be made: its name or its permissions will not do."""

    code = "bad_role"
    status = 422
    words = N_("Give the role a name of up to 64 characters.")


class RoleNameTaken(BadRole):
    """Another role has this name, in some spelling."""

    words = N_("There is a role of this name already. Choose another name.")


class EmptyRole(BadRole):
    """A role that would let nobody do anything."""

    words = N_("Tick at least one permission.")


class NobodyThere(Refusal):
    """An admin named somebody who has no account."""

    code = "nobody_there"
    status = 404
    words = N_("Nobody here has this address. Add them on the page People first.")


class RoleHeld(Refusal):
    """The person has this role already."""

    code = "role_held"
    status = 409
    words = N_("%(person)s has this role already.")


class CannotResend(Refusal):
    """A message that is not failed or held, or that carried a code."""

    code = "cannot_resend"
    status = 409
    words = N_("Only a message that failed or was held back can be sent again.")


class CodeCannotBeResent(CannotResend):
    """A code is wiped once its mail left or never will."""

    words = N_("This mail carried a code, which is not kept. Ask for a new mail instead.")


class JobOver(Refusal):
    """A job that is over cannot be stopped."""

    code = "job_over"
    status = 409
    words = N_("This job is over already.")


class JobNotOver(Refusal):
    """Only a job that failed or was stopped is tried again."""

    code = "job_not_over"
    status = 409
    words = N_("Only a job that failed or was stopped can be tried again.")


class OtherCount(Refusal):
    """The number that was typed to confirm a deletion is not how many there are."""

    code = "other_count"
    status = 409
    words = N_("Nothing was deleted: this is about %(count)s exchanges. Type that number.")
