/* Says on a page that waits for a code when its carrier fails: <div data-trouble="ADDRESS"><div hidden>…</div></div>.
   Asks every few seconds while the page is in sight, and stops after some minutes. */

const EVERY_MS = 3000;
const FOR_MS = 5 * 60_000;

/** Shows or hides the words, as the server says that it stands. */
async function look(place) {
  const answer = await fetch(place.dataset.trouble, {
    headers: { Accept: "application/json" },
    redirect: "error",
  });
  if (answer.status === 404) return false;
  if (answer.ok) place.firstElementChild.hidden = !(await answer.json()).trouble;
  return true;
}

/** Asks again and again; a server that restarts, or a network that is away, changes nothing. */
async function wait(place) {
  const end = Date.now() + FOR_MS;
  let goesOn = true;
  while (goesOn && Date.now() < end) {
    await new Promise((wake) => setTimeout(wake, EVERY_MS));
    if (!document.hidden) goesOn = await look(place).catch(() => true);
  }
}

document.querySelectorAll("[data-trouble]").forEach(wait);
