// A box above the table of docs/elsewhere.md, which hides the rows that do not hold what is typed.
document.addEventListener("DOMContentLoaded", () => {
  const table = document.querySelector("#the-same-elsewhere table");
  if (!table) return;
  const box = document.createElement("input");
  box.type = "search";
  box.className = "filter";
  box.placeholder = "Filter the table";
  box.setAttribute("aria-label", "Filter the table");
  const note = document.createElement("span");
  box.addEventListener("input", () => {
    const wanted = box.value.toLowerCase();
    const rows = [...table.tBodies[0].rows];
    for (const row of rows) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
    }
    note.textContent = rows.every((row) => row.hidden) ? " No loss matches." : "";
  });
  table.parentElement.before(box, note);
});
