/* How far the worker is: <section data-progress="URL"> with a <progress> and words. The address
   answers JSON: over, done, total, step, words. Once it is over the page is loaded anew. */

const EACH_MS = 1000;
const SAID_EACH = 10;
/* Looks between two that are read out: each second would drown everything else. */

function wire(area) {
  const bar = area.querySelector("progress");
  const step = area.querySelector("[data-progress-step]");
  const words = area.querySelector("[data-progress-words]");
  const said = area.querySelector("[data-progress-said]");
  let looks = 0;

  const show = (facts) => {
    if (facts.total) {
      bar.max = facts.total;
      bar.value = Math.min(facts.done, facts.total);
    } else {
      bar.removeAttribute("value");
    }
    step.textContent = facts.step;
    words.textContent = facts.words;
    if (looks % SAID_EACH === 0) said.textContent = `${facts.step} ${facts.words}`;
    looks += 1;
  };

  const look = async () => {
    try {
      const answer = await fetch(area.dataset.progress, { headers: { Accept: "application/json" } });
      // Signed out, or the import is gone: the page itself says which.
      if (answer.status >= 400 && answer.status < 500) return window.location.reload();
      if (answer.ok) {
        const facts = await answer.json();
        if (facts.over) return window.location.reload();
        show(facts);
      }
    } catch {
      // The server cannot be reached for a moment; the next look tries again.
    }
    setTimeout(look, EACH_MS);
  };

  setTimeout(look, EACH_MS);
}

document.querySelectorAll("[data-progress]").forEach(wire);
