/* The live tail of the audit log: <div data-tail="URL" data-last="ID">, asked each three seconds
   while it is watched, and at once while there is more. The rows come from the server as the page
   itself has them; each says by data-entry where it belongs, because one may come late. */

const EVERY_MS = 3000;
/* How long an entry that is missing between two others is waited for, and how many of them. */
const LATE_MS = 2 * 60 * 1000;
const LATE_MOST = 200;
/* Watching keeps the session alive, so that it must not go on for ever. */
const AT_MOST_MS = 15 * 60 * 1000;

function wire(bar) {
  const toggle = bar.querySelector("[data-tail-toggle]");
  const status = bar.querySelector("[data-tail-status]");
  const table = document.querySelector("[data-tail-table]");
  const body = table.querySelector("tbody");
  const missing = new Map();
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
        const late = waitedFor();
        if (late.length) address.searchParams.set("missing", late.join(","));
        const answer = await fetch(address, { headers: { Accept: "application/json" } });
        if (!answer.ok || answer.redirected) return stop(bar.dataset.lost);
        const news = await answer.json();
        if (timer === null) return undefined;
        add(news);
        if (news.more) {
          timer = setTimeout(look, 0);
          return undefined;
        }
      } catch {
        return stop(bar.dataset.lost);
      }
    }
    timer = setTimeout(look, EVERY_MS);
    return undefined;
  };

  const waitedFor = () => {
    for (const [id, since] of missing) if (Date.now() - since > LATE_MS) missing.delete(id);
    return [...missing.keys()].slice(-LATE_MOST);
  };

  const place = (row) => {
    const id = Number(row.dataset.entry);
    const older = [...body.rows].find((each) => Number(each.dataset.entry) <= id);
    if (older && Number(older.dataset.entry) === id) return;
    row.classList.add("is-new");
    body.insertBefore(row, older ?? null);
    missing.delete(id);
    count += 1;
  };

  const add = (news) => {
    for (const id of news.missing) missing.set(id, Date.now());
    last = news.last;
    if (!news.count) return;
    const rows = document.createElement("template");
    rows.innerHTML = news.rows;
    for (const row of rows.content.querySelectorAll("tr")) place(row);
    table.hidden = false;
    document.querySelector("[data-tail-empty]")?.remove();
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
