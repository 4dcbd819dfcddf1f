/* Drag and drop for a file field: <div data-drop><input type="file">…<p data-drop-name></p></div>.
   The field itself stays in sight and does the same by a press or by keyboard. */

function wire(area) {
  const field = area.querySelector("input[type=file]");
  const name = area.querySelector("[data-drop-name]");
  const mark = (over) => area.classList.toggle("is-over", over);

  const say = () => {
    const [file] = field.files;
    const size = file && new Intl.NumberFormat(document.documentElement.lang).format(
      Math.max(1, Math.round(file.size / 1024)),
    );
    name.textContent = file ? `${file.name} · ${size} KB` : "";
    area.classList.toggle("is-chosen", Boolean(file));
  };

  area.addEventListener("dragover", (event) => {
    event.preventDefault();
    mark(true);
  });
  area.addEventListener("dragleave", (event) => {
    if (!area.contains(event.relatedTarget)) mark(false);
  });
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(false);
    if (!event.dataTransfer.files.length) return;
    field.files = event.dataTransfer.files;
    say();
  });
  field.addEventListener("change", say);
  say();
}

document.querySelectorAll("[data-drop]").forEach(wire);
