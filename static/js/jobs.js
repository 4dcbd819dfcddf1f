/* Keeps the progress of jobs up to date: <div data-job="ADDRESS" data-open><progress>…</div>.
   Asks once a second while the page is in sight, more seldom where no answer comes, and loads the
   page anew once a job is over, because then there is more to say. Any page may use it. */

const EVERY_MS = 1000;
const SLOWEST_MS = 30_000;
const MOST = 3;

const number = new Intl.NumberFormat(document.documentElement.lang || undefined);

/** Shows how far a job is. */
function show(line, job) {
  const bar = line.querySelector("progress");
  const done = line.querySelector("[data-done]");
  const total = line.querySelector("[data-total]");
  if (bar && job.total) {
    bar.max = job.total;
    bar.value = Math.min(job.done, job.total);
  }
  if (done) {
    const knows = job.total && !total;
    const so_far = job.done ? number.format(job.done) : "";
    done.textContent = knows ? `${number.format(job.done)} / ${number.format(job.total)}` : so_far;
  }
  if (total && job.total) total.textContent = number.format(job.total);
  const note = line.querySelector("[data-note]");
  if (note) note.textContent = job.note ?? "";
}

/** Asks for one job until it is over. */
async function follow(line) {
  let wait = EVERY_MS;
  for (;;) {
    await new Promise((wake) => setTimeout(wake, wait));
    if (document.hidden) continue;
    try {
      const headers = { Accept: "application/json" };
      const answer = await fetch(line.dataset.job, { headers, redirect: "error" });
      if (answer.status === 403 || answer.status === 404) return;
      if (!answer.ok) throw new Error(answer.statusText);
      const job = await answer.json();
      show(line, job);
      if (!job.open) {
        location.reload();
        return;
      }
      wait = EVERY_MS;
    } catch {
      // The server restarts, or the network is away: it goes on by itself.
      wait = Math.min(wait * 2, SLOWEST_MS);
    }
  }
}

// Jobs run one after the other, the oldest first, and lists begin with the newest.
[...document.querySelectorAll("[data-job][data-open]")].slice(-MOST).forEach(follow);
