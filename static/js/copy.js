/* Copy buttons: <button data-copy="ELEMENT-ID" data-copied="Copied" hidden>Copy</button>. */

const SAID_FOR_MS = 2_000;

function wire(button) {
  const source = document.getElementById(button.dataset.copy);
  // Browsers offer the clipboard on secure pages alone; elsewhere the text can still be selected.
  if (!source || !navigator.clipboard) return;
  const ready = button.textContent;
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText((source.value ?? source.textContent).trim());
    button.textContent = button.dataset.copied;
    setTimeout(() => { button.textContent = ready; }, SAID_FOR_MS);
  });
  button.hidden = false;
}

document.querySelectorAll("[data-copy]").forEach(wire);
