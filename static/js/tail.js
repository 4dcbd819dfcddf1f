/* The live tail of the audit log: <div data-tail="URL" data-last="ID">, asked each three seconds
   while it is watched. The rows come from the server as the page itself has them. */

const EVERY_MS = 3000;
/* Watching keeps the session alive, so that it must not go on for ever. */
const AT_MOST_MS = 15 * 60 * 1000;

function wire(bar) {
  const toggle = bar.querySelector("[data-tail-toggle]");
  const status = bar.querySelector("[data-tail-status]");
  const body = document.querySelector(".table-region tbody");
  let timer = null;
  let began = 0;
  let count = 0;
  let last = bar.dataset.last;

  const stop = (words) => {
    clearTimeout(timer);
    timer = null;
    toggle.setAttribute("aria-pressed", "false");
    status.textContent = words;
  };

  const look = async () => {
    if (Date.now() - began > AT_MOST_MS) return stop(bar.dataset.over);
    if (!document.hidden) {
      try {
        const address = new URL(bar.dataset.tail, location.href);
        address.searchParams.set("after", last);
        const answer = await fetch(address, { headers: { Accept: "application/json" } });
        if (!answer.ok || answer.redirected) return stop(bar.dataset.lost);
        const news = await answer.json();
        if (timer === null) return undefined;
        add(news);
      } catch {
        return stop(bar.dataset.lost);
      }
    }
    timer = setTimeout(look, EVERY_MS);
    return undefined;
  };

  const add = (news) => {
    if (!news.count) return;
    const rows = document.createElement("template");
    rows.innerHTML = news.rows;
    for (const row of rows.content.querySelectorAll("tr")) row.classList.add("is-new");
    body.prepend(rows.content);
    last = news.last;
    count += news.count;
    status.textContent = bar.dataset.watching.replace("{count}", count);
  };

  toggle.addEventListener("click", () => {
    if (timer !== null) return stop("");
    began = Date.now();
    count = 0;
    toggle.setAttribute("aria-pressed", "true");
    status.textContent = bar.dataset.watching.replace("{count}", count);
    timer = setTimeout(look, 0);
    return undefined;
  });
  toggle.hidden = false;
}

document.querySelectorAll("[data-tail]").forEach(wire);
