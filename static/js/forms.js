/* What every form gains from script; each works without it.
   Error summary, double posts, Show password, pasted codes, resend countdown. */

const PRESSED_FOR_MS = 10_000;

/** Moves the focus to the error summary, so that it is the first thing read. */
function focusErrorSummary() {
  document.querySelector("[data-error-summary]")?.focus();
}

/** Disables the pressed button once its form is on its way. */
function stopDoublePosts() {
  const pressed = new Set();
  const release = () => {
    for (const button of pressed) button.disabled = false;
    pressed.clear();
  };
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (event.target.method !== "post" || !button) return;
    // The button's own name and value are read after this event: wait until they are.
    setTimeout(() => {
      if (event.defaultPrevented) return;
      button.disabled = true;
      pressed.add(button);
      setTimeout(release, PRESSED_FOR_MS);
    });
  });
  // A page that comes back from the history cache must not come back with a dead button.
  window.addEventListener("pageshow", release);
}

/** Wakes a Show button: <button data-reveal="FIELD-ID" data-show data-hide …-name hidden>. */
function wireReveal(button) {
  const field = document.getElementById(button.dataset.reveal);
  if (!field) return;
  const show = (visible) => {
    field.type = visible ? "text" : "password";
    button.textContent = visible ? button.dataset.hide : button.dataset.show;
    button.setAttribute("aria-label", visible ? button.dataset.hideName : button.dataset.showName);
  };
  button.addEventListener("click", () => {
    show(field.type === "password");
    field.focus();
  });
  // Browsers file the value of a text field as ordinary autofill: go back before it is sent.
  field.form?.addEventListener("submit", () => show(false));
  show(false);
  button.hidden = false;
}

/** Gives the ASCII digits of a text, whatever script its digits are written in. */
function digitsOf(text) {
  const isDigit = (point) => /\p{Nd}/u.test(String.fromCodePoint(point));
  return Array.from(text.normalize("NFKC").matchAll(/\p{Nd}/gu), ([digit]) => {
    const point = digit.codePointAt(0);
    let value = 0;
    // The ten digits of a script stand in one row: the distance to its zero is the value.
    while (value < 9 && isDigit(point - value - 1)) value += 1;
    return value;
  }).join("");
}

/** Keeps only the digits of what is pasted into a code field ("123 456", "Code: 123456"). */
function cleanPastedCode(field) {
  field.addEventListener("paste", (event) => {
    const digits = digitsOf(event.clipboardData?.getData("text") ?? "");
    if (!digits) return;
    event.preventDefault();
    field.setRangeText(digits, field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

/** Holds a resend button back: <button data-countdown="SECONDS" data-waiting="… {seconds} …">. */
function countDown(button) {
  const ready = button.textContent;
  const end = Date.now() + Number(button.dataset.countdown) * 1000;
  const tick = () => {
    const seconds = Math.ceil((end - Date.now()) / 1000);
    button.disabled = seconds > 0;
    button.textContent = seconds > 0 ? button.dataset.waiting.replace("{seconds}", seconds) : ready;
    if (seconds > 0) setTimeout(tick, 1000);
  };
  tick();
}

focusErrorSummary();
stopDoublePosts();
document.querySelectorAll("[data-reveal]").forEach(wireReveal);
document.querySelectorAll(".otp").forEach(cleanPastedCode);
document.querySelectorAll("[data-countdown]").forEach(countDown);
