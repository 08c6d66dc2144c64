// Accuracies as errors and back: 62.1 % right are 37.9 % wrong, and differences change their sign.
{
  const shown = new Map(), fixed = (value, like) => value.toFixed((like.split(".")[1] || "").length);
  const negated = n => /^[−-]/.test(n) ? "+" + n.slice(1) : "-" + n.replace(/^\+/, "");
  const errors = {
    accuracy: (text, drawn) => text.replace(drawn ? /^[\d.]+$|[\d.]+(?= %)/g : /(?<!± |[\d.])\d+(\.\d+)?/g, n => fixed(100 - n, n)),
    difference: (text, drawn) => drawn && /^[\d.]+$/.test(text) ? (+text ? "-" + text : text) : text.replace(
      /(?<![\w=:])([+−-]\d[\d.]*) to ([+−-]\d[\d.]*)|(?<![\w=:])[+−-]\d[\d.]*/g, (n, low, high) => low ? `${negated(high)} to ${negated(low)}` : negated(n)),
  };
  const button = document.createElement("button");
  button.textContent = "Show errors in place of accuracies";
  button.setAttribute("aria-pressed", "false");
  button.onclick = () => {
    const on = button.getAttribute("aria-pressed") === "false";
    button.setAttribute("aria-pressed", on);
    for (const part of document.querySelectorAll("[data-measure]")) {
      const nodes = document.createTreeWalker(part.querySelector("svg") || part, NodeFilter.SHOW_TEXT), head = part.localName === "th";
      for (let node = nodes.nextNode(); node; node = nodes.nextNode()) {
        if (!shown.has(node)) shown.set(node, node.nodeValue);
        const text = shown.get(node), turned = head ? text : errors[part.dataset.measure](text.trim(), part.closest("figure"));
        node.nodeValue = on ? turned.replace(/top-(\d)/, "top-$1 error") : text;
      }
    }
  };
  if (document.querySelector("[data-measure]")) document.querySelector("nav")?.append(button);
}
// Tables that can be sorted and searched; without scripts they are as they were written.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0], value = (row, i) => row.cells[i].textContent.replace("−", "-").replace(/,(?=\d{3})/g, "");
  [...table.tHead.rows[0].cells].forEach((head, i) => {
    const button = document.createElement("button");
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.onclick = () => {
      const down = head.getAttribute("aria-sort") !== "descending", rows = [...body.rows];
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      rows.sort((a, b) => {
        const [x, y] = [value(a, i), value(b, i)], by = i ? parseFloat(x) - parseFloat(y) : y.localeCompare(x);
        return down ? -by : by;
      });
      body.append(...rows);
    };
  });
  if (body.rows.length > 12) {
    const search = document.createElement("input");
    search.type = "search"; search.placeholder = "search"; search.setAttribute("aria-label", "Search this table");
    search.oninput = () => { for (const row of body.rows) row.hidden = !row.cells[0].textContent.toLowerCase().includes(search.value.toLowerCase()); };
    table.parentElement.before(search);
  }
}
