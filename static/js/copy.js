/* Copies what an element holds, a field or a text: <button data-copy="ID" data-copied="Copied" hidden>Copy</button>. */

const SAID_FOR_MS = 2000;

for (const button of document.querySelectorAll("[data-copy]")) {
  const words = button.textContent;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    await navigator.clipboard.writeText(source.value ?? source.textContent);
    button.textContent = button.dataset.copied;
    setTimeout(() => (button.textContent = words), SAID_FOR_MS);
  });
  button.setAttribute("aria-live", "polite");
  // Browsers lend the clipboard to pages that nobody can tamper with on the way.
  button.hidden = !navigator.clipboard;
}
