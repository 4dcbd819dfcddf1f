// The chat, once script runs: the answer streams in, the draft survives a reload, older messages load in place.
// Without this module the form posts and the page comes back with the answer.

const room = document.querySelector("[data-chat]");
const form = room.querySelector(".composer");
const box = form.querySelector("textarea");
const button = form.querySelector("button[type=submit]");
const log = room.querySelector("[data-log]");
const status = room.querySelector("[data-status]");
const remaining = room.querySelector("[data-remaining]");
const words = room.dataset;
// Another person may sign in in the same tab.
const draftKey = `draft:${words.person}:${words.program}`;
const csrf = document.querySelector("meta[name=csrf-token]").content;

if (!box.value) box.value = sessionStorage.getItem(draftKey) || "";
box.addEventListener("input", () => sessionStorage.setItem(draftKey, box.value));
box.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  event.stopImmediatePropagation();
  const text = box.value.trim();
  if (!text) {
    status.textContent = words.wordsEmpty;
    box.focus();
  } else if (!button.disabled) {
    ask(text);
  }
}, true);

async function ask(text) {
  button.disabled = true;
  status.textContent = words.wordsWriting;
  const draft = part("answer answer-coming");
  const question = part("question");
  question.textContent = text;
  // Seen while it grows, but not heard: the finished exchange is read aloud from the log.
  const coming = part("log");
  coming.setAttribute("aria-hidden", "true");
  coming.append(question, draft);
  room.insertBefore(coming, status);
  coming.scrollIntoView({ block: "nearest" });
  let outcome;
  try {
    outcome = await exchange(text, draft);
  } catch {
    outcome = { error: words.wordsLost };
  }
  coming.remove();
  button.disabled = false;
  settle(text, outcome);
}

// Sends the question; pieces of the answer go into `draft`, which no screen reader hears.
async function exchange(text, draft) {
  const response = await fetch(words.url, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "text/event-stream", "X-CSRFToken": csrf },
    body: JSON.stringify({ message: text, program: words.program }),
  });
  if (response.status === 401) {
    // The draft is in sessionStorage and stands in the box again after signing in.
    sessionStorage.setItem(draftKey, text);
    location.assign(`${words.signIn}?next=${encodeURIComponent(location.pathname)}`);
    return { error: "" };
  }
  if (!(response.headers.get("Content-Type") || "").startsWith("text/event-stream")) {
    const refusal = await response.json();
    // The page is older than the cookie, or than a text to accept: it comes back fresh, with the draft in its box.
    if (["csrf", "disclaimer_not_accepted"].includes(refusal.code)) location.reload();
    return refusal;
  }
  let outcome = { error: words.wordsLost };
  for await (const [name, facts] of events(response.body)) {
    if (name === "delta") draft.textContent += facts.text;
    else outcome = facts;
  }
  return outcome;
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    waiting += value;
    const whole = waiting.split("\n\n");
    waiting = whole.pop();
    for (const event of whole) {
      const [, name, data] = event.match(/^event: (.*)\ndata: (.*)$/);
      yield [name, JSON.parse(data)];
    }
  }
}

function settle(text, outcome) {
  if ("remaining_questions" in outcome) showRemaining(outcome.remaining_questions);
  if (outcome.error !== undefined || outcome.refused) {
    status.textContent = outcome.error ?? outcome.reply;
    box.focus();
    return;
  }
  // Only the finished exchange enters the live region, so it is read aloud once.
  const question = part("question");
  question.append(heard(words.wordsAsked), text);
  const answer = part("answer");
  answer.innerHTML = outcome.html_reply;
  answer.prepend(heard(words.wordsAnswer));
  log.append(question, answer);
  room.querySelector("[data-clear]").hidden = false;
  question.scrollIntoView({ block: "start" });
  status.textContent = "";
  box.value = "";
  sessionStorage.removeItem(draftKey);
  box.focus({ preventScroll: true });
}

function showRemaining(number) {
  const pattern = number === 1 ? words.wordsOneLeft : words.wordsLeft;
  remaining.textContent = number ? pattern.replace("{n}", number) : words.wordsNoneLeft;
}

function part(className) {
  const element = document.createElement("div");
  element.className = className;
  return element;
}

function heard(text) {
  const element = document.createElement("span");
  element.className = "visually-hidden";
  element.textContent = `${text} `;
  return element;
}

const older = room.querySelector("[data-older]");
older?.addEventListener("click", async (event) => {
  event.preventDefault();
  const asked = new URLSearchParams({ program_code: words.program, before_id: older.dataset.older });
  const response = await fetch(`${older.dataset.olderUrl}?${asked}`, { headers: { Accept: "application/json" } });
  if (!response.ok) return location.assign(older.href);
  const { messages, has_more: more } = await response.json();
  const history = room.querySelector("[data-history]");
  const height = document.documentElement.scrollHeight;
  for (const each of messages.toReversed()) {
    const question = part("question");
    question.append(heard(words.wordsAsked), each.message);
    const answer = part("answer");
    answer.innerHTML = each.html_reply;
    answer.prepend(heard(words.wordsAnswer));
    history.prepend(question, answer);
  }
  window.scrollBy(0, document.documentElement.scrollHeight - height);
  if (more && messages.length) older.dataset.older = messages[0].id;
  else older.parentElement.remove();
});
