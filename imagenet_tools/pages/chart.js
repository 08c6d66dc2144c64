// A figure tells of the mark that the pointer, a finger or the arrow keys are at, in a readout that does not cover it.
// One with lines tells of every line at that place, under a crosshair. Without scripts each mark has its title.
for (const svg of document.querySelectorAll("figure svg")) {
  const titles = [...svg.querySelectorAll("use > title")];
  if (!titles.length) continue;
  const made = (tag, kind) => Object.assign(document.createElement(tag), { className: kind });
  const chart = made("div", "chart"), cross = made("i", "cross"), readout = made("output", "readout");
  svg.replaceWith(chart);
  chart.append(svg, cross, readout);
  chart.tabIndex = 0;
  chart.setAttribute("role", "group");
  chart.setAttribute("aria-label", "Figure whose points the arrow keys tell one by one");

  const marks = titles.map(title => {
    const use = title.parentNode, text = document.createElementNS(svg.namespaceURI, "desc");
    text.append(...title.childNodes); // a title would be told by the browser, too
    title.replaceWith(text);
    return { use, text, x: use.x.baseVal.value, y: use.y.baseVal.value, series: use.closest(".tips"), panel: use.closest("[id^=axes]") };
  });
  const panels = [...new Set(marks.map(mark => mark.panel))];
  const lines = marks.some((mark, i) => i && mark.series === marks[i - 1].series), APART = 1, BESIDE = 14, REACH = 32;
  const nearest = (some, far) => some.reduce((best, one) => far(one) < far(best) ? one : best);
  const alike = (mark, to) => lines ? mark.panel === to.panel && mark.x === to.x : mark === to;
  const stops = marks.filter((mark, i) => marks.findIndex(one => alike(one, mark)) === i);
  if (lines) stops.sort((a, b) => panels.indexOf(a.panel) - panels.indexOf(b.panel) || a.x - b.x);
  let at = null;

  const hide = () => {
    for (const mark of marks) mark.use.classList.remove("at");
    chart.classList.remove("on");
    at = null;
  };
  const told = mark => {
    if (!lines) return marks.filter(one => Math.hypot(one.x - mark.x, one.y - mark.y) < APART);
    const beside = marks.filter(one => one.panel === mark.panel && Math.abs(one.x - mark.x) < BESIDE);
    const series = [...new Set(beside.map(one => one.series))];
    return series.map(of => nearest(beside.filter(one => one.series === of), one => Math.abs(one.x - mark.x)));
  };
  const tell = mark => {
    const all = told(mark), box = svg.getBoundingClientRect(), scale = box.width / svg.viewBox.baseVal.width;
    hide();
    at = mark;
    for (const one of all) one.use.classList.add("at");
    chart.classList.add("on");
    readout.textContent = all.map(one => one.text.textContent).join("\n");
    cross.hidden = !lines;
    cross.style.left = `${mark.x * scale}px`;
    const [top, low] = [Math.min, Math.max].map(most => scale * most(...all.map(one => one.y)));
    const above = top - readout.offsetHeight - 14, room = box.width - readout.offsetWidth;
    readout.style.left = `${Math.max(0, Math.min(room, mark.x * scale - readout.offsetWidth / 2))}px`;
    readout.style.top = `${box.top + above < 0 ? low + 14 : above}px`;
  };

  chart.onpointermove = chart.onpointerdown = event => {
    const box = svg.getBoundingClientRect(), scale = svg.viewBox.baseVal.width / box.width;
    const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
    const below = panel => { const own = panel.getBBox(); return Math.abs(own.y + own.height / 2 - y); };
    const there = lines ? nearest(panels, below) : null;
    const far = one => lines ? Math.abs(one.x - x) : Math.hypot(one.x - x, one.y - y);
    const mark = nearest(marks.filter(one => !lines || one.panel === there), far);
    if (far(mark) < REACH * Math.max(1, scale)) tell(mark); else hide();
  };
  chart.onpointerleave = event => event.pointerType === "mouse" && hide();
  addEventListener("pointerdown", event => chart.contains(event.target) || hide());
  chart.onblur = hide;
  chart.onkeydown = event => {
    const now = stops.findIndex(mark => at && alike(mark, at)), last = stops.length - 1;
    const next = { ArrowRight: now + 1, ArrowDown: now + 1, ArrowLeft: now - 1, ArrowUp: now - 1, Home: 0, End: last }[event.key];
    if (event.key === "Escape") hide();
    if (next === undefined) return;
    event.preventDefault();
    tell(stops[Math.max(0, Math.min(last, next))]);
  };
}
