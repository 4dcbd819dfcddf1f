/* Advice on a new password while it is typed: how long it is, and what makes it easy to guess.
   Nothing is sent; the server decides. <div data-strength="FIELD-ID" data-floor data-…>. */

const PAUSE_MS = 700;

/** Whether a text is one pattern of up to four characters over and over, or a row like 12345678. */
function isRun(letters) {
  if (/^(.{1,4})\1+.{0,3}$/su.test(letters.join(""))) return true;
  const steps = letters.slice(1).map((each, i) => each.codePointAt(0) - letters[i].codePointAt(0));
  return Math.abs(steps[0]) === 1 && steps.every((step) => step === steps[0]);
}

/** The words of the form's other fields that a password must not be made of. */
function knownWords(field) {
  const others = field.form.querySelectorAll("[name=last_name], [name=full_name], [type=email]");
  return Array.from(others)
    .flatMap((other) => [other.value, other.value.split("@")[0]])
    .map((word) => word.trim().toLowerCase())
    .filter((word) => word.length >= 3);
}

/** A number from 0 to 4, and the name of the words that go with it. */
function judge(field, floor) {
  const text = field.value.normalize("NFC");
  const letters = Array.from(text);
  if (!letters.length) return { level: 0 };
  if (letters.length < floor) return { level: 1, words: "short", count: floor - letters.length };
  if (isRun(letters)) return { level: 1, words: "run" };
  const plain = text.toLowerCase();
  const known = knownWords(field).find((word) => plain.includes(word));
  if (known) return { level: plain.replaceAll(known, "").length < 6 ? 1 : 2, words: "known" };
  if (letters.length < 12) return { level: 2, words: "enough" };
  return letters.length < 16 ? { level: 3, words: "good" } : { level: 4, words: "long" };
}

/** Wakes the advice below a field. */
function advise(box) {
  const field = document.getElementById(box.dataset.strength);
  const [meter, status] = [box.querySelector("meter"), box.querySelector("[role=status]")];
  let pause;
  field.addEventListener("input", () => {
    const { level, words, count } = judge(field, Number(box.dataset.floor));
    meter.value = level;
    box.classList.add("is-used");
    clearTimeout(pause);
    // It is read aloud: only once the fingers rest.
    pause = setTimeout(() => {
      status.textContent = words ? box.dataset[words].replace("{count}", count) : "";
    }, PAUSE_MS);
  });
  box.hidden = false;
}

document.querySelectorAll("[data-strength]").forEach(advise);
