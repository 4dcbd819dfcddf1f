/* Parts of a page that are fetched anew while something is under way: elements with data-live.
   One of them carries data-again, the milliseconds to wait; once none does, it is over, and the
   page is loaded a last time for the buttons that then fit. Without script there is a link. */

const waiting = () => document.querySelector("[data-again]");

async function look() {
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!response.ok || response.redirected) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  if (!fresh.querySelector("[data-again]")) {
    location.reload();
    return;
  }
  for (const part of document.querySelectorAll("[data-live]")) {
    const now = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    // A part that somebody is in, or that says the same, is left alone.
    if (now && !part.contains(document.activeElement) && now.innerHTML !== part.innerHTML) {
      part.replaceChildren(...now.childNodes);
    }
  }
  wait();
}

function wait() {
  const milliseconds = Number(waiting()?.dataset.again);
  if (milliseconds) setTimeout(() => look().catch(wait), milliseconds);
}

wait();
