// A box above the table of docs/elsewhere.md, which hides the rows that do not hold what is typed.
document.addEventListener("DOMContentLoaded", () => {
  const table = document.querySelector("#the-same-elsewhere table");
  if (!table) return;
  const box = document.createElement("input");
  box.type = "search";
  box.className = "filter";
  box.placeholder = "Filter the table";
  box.setAttribute("aria-label", "Filter the table");
  box.addEventListener("input", () => {
    const wanted = box.value.toLowerCase();
    for (const row of table.tBodies[0].rows) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
    }
  });
  table.parentElement.before(box);
});
