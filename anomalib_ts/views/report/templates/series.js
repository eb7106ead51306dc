/* The viewer: unpacks one series at a time, and draws no more samples than there are pixels. */
"use strict";

const payload = JSON.parse(document.getElementById("payload").textContent);
const COLORS = payload.colors;
const STRIP = 58, LANE = 46;
const FIRST_CHOSEN = 4, MOST_BLAMED = 8;

const viewer = { chosen: new Set(), series: null, place: 0, base: 0, axes: {}, labels: {} };

/* Values in the page are whole numbers, relative to the smallest and largest of their series. */
async function unpack(series) {
  const packed = Uint8Array.from(atob(series.samples), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(stream).arrayBuffer();
  const thinned = series.step > 1;
  const count = thinned ? 2 * Math.ceil(series.points / series.step) : series.points;
  const scaled = (whole, [low, high], levels) =>
    Float64Array.from(whole, (v) => low + (v * (high - low)) / levels);
  const channels = series.channels.map((span, i) =>
    scaled(new Uint16Array(buffer, 2 * i * count, count), span, 65535));
  const offset = 2 * series.channels.length * count;
  const scores = series.scores.map((_, i) =>
    Float64Array.from(new Uint8Array(buffer, offset + i * count, count), (v) => v / 255));
  const x = Float64Array.from({ length: count }, (_, i) => (thinned ? (i * series.step) / 2 : i));
  return { ...series, x, channels, scores, info: series.scores, spans: series.channels };
}

/* At most `buckets` pairs of smallest and largest sample within [from, to). */
function visible(x, y, from, to, buckets) {
  const perSample = x.length > 1 ? x[1] - x[0] : 1;
  const first = Math.max(0, Math.floor(from / perSample) - 1);
  const last = Math.min(x.length, Math.ceil(to / perSample) + 2);
  const size = Math.ceil((last - first) / buckets);
  if (size <= 2) return [x.subarray(first, last), y.subarray(first, last)];
  const xs = [], ys = [];
  for (let start = first; start < last; start += size) {
    const stop = Math.min(start + size, last);
    let low = start, high = start;
    for (let i = start + 1; i < stop; i++) {
      if (y[i] < y[low]) low = i;
      if (y[i] > y[high]) high = i;
    }
    for (const i of low < high ? [low, high] : [high, low]) { xs.push(x[i]); ys.push(y[i]); }
  }
  return [Float64Array.from(xs), Float64Array.from(ys)];
}

function setupViewer(document_) {
  const model = (name) => document_.get_model_by_name(name);
  viewer.range = model("view");
  viewer.whole = model("whole");
  viewer.values = model("values");
  viewer.strips = model("strips");
  viewer.overview = model("overview");
  viewer.sources = Object.fromEntries(
    ["anomalies", "blamed", "value lines", "score lines", "thresholds", "names", "overview line"].map(
      (name) => [name, model(name)]));
  for (const name of ["view", "whole"]) {
    const axis = model(`${name} axis`);
    viewer.axes[name] = axis;
    axis.formatter.doFormat = (places) => places.map((x) => viewer.labels[name].get(x) ?? "");
  }
  viewer.valueAxis = model("value axis");
  viewer.valueGrid = model("value grid");
  viewer.valueAxis.formatter.doFormat = (values) => values.map((v) => short(v - viewer.base));
  let waiting = false;
  const later = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; redraw(); });
  };
  viewer.range.connect(viewer.range.properties.start.change, later);
  viewer.range.connect(viewer.range.properties.end.change, later);
  if (matchMedia("(pointer: coarse)").matches) {
    // A finger on a picture scrolls the page; the overview below is for choosing a stretch.
    for (const name of ["values pan", "strips pan"]) model(name).active = false;
  }
  addEventListener("resize", later);
}

async function show(place) {
  viewer.place = (place + payload.series.length) % payload.series.length;
  const series = await unpack(payload.series[viewer.place]);
  viewer.series = series;
  document.getElementById("pick").value = String(viewer.place);
  const starts = series.anomalies.filter((_, i) => i % 2 === 0);
  const stops = series.anomalies.filter((_, i) => i % 2 === 1);
  viewer.sources.anomalies.data = { start: starts, stop: stops };
  for (const range of [viewer.range, viewer.whole]) range.bounds = null;
  viewer.whole.setv({ start: 0, end: series.points });
  viewer.range.setv({ start: 0, end: series.points });
  for (const range of [viewer.range, viewer.whole]) range.bounds = [0, series.points];
  const line = series.channels[0] ?? series.scores[0];
  const [low, high] = [line.reduce((a, b) => Math.min(a, b)), line.reduce((a, b) => Math.max(a, b))];
  const [x, y] = visible(series.x, line, 0, series.points, 600);
  viewer.sources["overview line"].data = { x, y: y.map((v) => 0.08 + (0.84 * (v - low)) / (high - low || 1)) };
  viewer.values.visible = series.channels.length > 0;
  viewer.overview.height = series.times ? 78 : 64;
  viewer.next = 0;
  showFacts(starts.length);
  showChips();
  redraw();
  requestAnimationFrame(() => setTimeout(redraw)); // Bokeh leaves labels of the former layout behind
}

function showFacts(anomalies) {
  const s = viewer.series;
  const parts = [`${s.points.toLocaleString("en")} points`];
  if (s.channels.length > 1) parts.push(`${s.channels.length} channels`);
  parts.push(anomalies === 1 ? "1 anomaly" : `${anomalies.toLocaleString("en")} anomalies`);
  const gaps = s.times ? timeGaps(s.times) : 0;
  if (gaps) parts.push(gaps === 1 ? "1 gap in time" : `${gaps} gaps in time`);
  if (s.step > 1) parts.push(`smallest and largest of each ${s.step} points kept`);
  document.getElementById("facts").textContent = parts.join(" · ");
}

function showChips() {
  const chips = document.getElementById("chips");
  chips.replaceChildren(...viewer.series.info.map((score) => {
    const chip = document.createElement("button");
    chip.type = "button";
    chip.ariaPressed = String(viewer.chosen.has(score.method));
    chip.style.setProperty("--chip", COLORS[score.method % COLORS.length]);
    const value = score.value === null ? "(undefined)" : score.value.toFixed(3);
    chip.textContent = `${payload.methods[score.method]} ${value}`;
    chip.addEventListener("click", () => {
      if (!viewer.chosen.delete(score.method)) viewer.chosen.add(score.method);
      chip.ariaPressed = String(viewer.chosen.has(score.method));
      redraw();
    });
    return chip;
  }));
}

function redraw() {
  const s = viewer.series;
  if (!s) return;
  const { start, end } = viewer.range;
  const buckets = Math.max(200, Math.round(document.getElementById("viewer").clientWidth));
  drawAxis("view", start, end);
  drawAxis("whole", 0, s.points);
  document.getElementById("stretch").textContent = ends(s, start, end).join(" to ");
  drawValues(s, start, end, buckets);
  drawBlamed(s);
  showBlamed(s, start, end);
  drawStrips(s, start, end, buckets);
}

/* One channel has an axis of values; several have a lane each, scaled by what is seen of them. */
function drawValues(s, start, end, buckets) {
  const lines = s.channels.map((y) => visible(s.x, y, start, end, buckets));
  const spans = lines.map(([, ys]) =>
    ys.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [Infinity, -Infinity]));
  const lanes = lines.length > 1;
  const shown = lanes ? lines.map(([, ys], i) => lane(ys, spans[i], lines.length - 1 - i))
    : lines.map(([, ys]) => ys);
  viewer.values.height = Math.max(210, LANE * lines.length + 10);
  viewer.valueAxis.visible = !lanes;
  viewer.valueGrid.visible = !lanes;
  viewer.base = 0;
  if (lanes) {
    viewer.values.y_range.setv({ start: 0, end: lines.length });
  } else if (lines.length) {
    const [low, high] = spans[0];
    const margin = 0.06 * (high - low) || Math.abs(low) / 10 || 1;
    if (high > low && Math.max(-low, high) > LEVEL * (high - low)) viewer.base = roundBetween(low, high);
    viewer.values.y_range.setv({ start: low - margin, end: high + margin });
  }
  showLegend(s, spans);
  viewer.sources["value lines"].data = {
    xs: lines.map(([x]) => x), ys: shown,
    color: lines.map((_, i) => COLORS[i % COLORS.length]),
  };
}

const lane = (ys, [low, high], base) =>
  ys.map((v) => base + (high > low ? 0.07 + (0.86 * (v - low)) / (high - low) : 0.5));

/* What the chosen detectors' high scores come from: a frame in the lane of each channel ... */
function drawBlamed(s) {
  const count = s.channels.length;
  const frames = chosenBlamed(s).flatMap(({ stretch, channels, color }) =>
    channels.map(([first, stop]) => ({
      left: stretch[0], right: stretch[1], top: count - first, bottom: count - stop, color,
    })));
  const column = (key) => frames.map((frame) => frame[key]);
  viewer.sources.blamed.data = Object.fromEntries(
    ["left", "right", "top", "bottom", "color"].map((key) => [key, column(key)]));
}

/* ... and a line of text for each of the highest in view. */
function showBlamed(s, start, end) {
  const seen = chosenBlamed(s).filter(({ stretch }) => stretch[0] < end && stretch[1] > start);
  const highest = seen.sort((a, b) => b.height - a.height).slice(0, MOST_BLAMED);
  const lines = highest.sort((a, b) => a.stretch[0] - b.stretch[0]).map((row) => {
    const line = document.createElement("li"), who = document.createElement("b");
    const [first, stop] = row.stretch;
    who.textContent = row.name;
    who.style.color = row.color;
    const when = stop - first > 1 ? ends(s, first, stop).join(" to ") : ends(s, first, first + 2)[0];
    line.append(who, ` ${when}: ${row.text}`);
    return line;
  });
  if (seen.length > MOST_BLAMED) {
    const more = document.createElement("li");
    more.textContent = `the ${MOST_BLAMED} highest of ${seen.length} in view`;
    lines.push(more);
  }
  document.getElementById("blamed").replaceChildren(...lines);
}

const chosenBlamed = (s) => s.info.filter(({ method }) => viewer.chosen.has(method))
  .flatMap(({ method, blamed }) => blamed.map((row) => ({
    ...row, name: payload.methods[method], color: COLORS[method % COLORS.length],
  })));

function showLegend(s, spans) {
  document.getElementById("legend").replaceChildren(...spans.map(([low, high], i) => {
    const line = document.createElement("li"), numbers = document.createElement("small");
    line.style.setProperty("--line-color", COLORS[i % COLORS.length]);
    line.textContent = s.names?.[i] ?? (spans.length > 1 ? `channel ${i}` : "value");
    numbers.textContent = spanText(low, high) + (viewer.base ? `, axis from ${viewer.base}` : "");
    line.append(numbers);
    return line;
  }));
}

function drawStrips(s, start, end, buckets) {
  const shown = s.info.map((score, i) => ({ score, y: s.scores[i] }))
    .filter(({ score }) => viewer.chosen.has(score.method));
  const rows = shown.map(({ score, y }, row) => {
    const base = shown.length - 1 - row;
    const [xs, ys] = visible(s.x, y, start, end, buckets);
    const [low, high] = score.span;
    const level = score.threshold === null ? NaN : (score.threshold - low) / (high - low || 1);
    return {
      xs, ys: ys.map((v) => base + 0.04 + 0.66 * v), color: COLORS[score.method % COLORS.length],
      top: base + 0.97, level: level >= 0 && level <= 1 ? base + 0.04 + 0.66 * level : NaN,
      name: payload.methods[score.method],
    };
  });
  const column = (key) => rows.map((row) => row[key]);
  viewer.strips.height = (s.times ? 64 : 52) + STRIP * Math.max(rows.length, 1);
  viewer.strips.y_range.setv({ start: 0, end: Math.max(rows.length, 1) });
  viewer.sources["score lines"].data = { xs: column("xs"), ys: column("ys"), color: column("color") };
  viewer.sources.names.data = { y: column("top"), text: column("name"), color: column("color") };
  viewer.sources.thresholds.data = {
    x0: rows.map(() => 0), x1: rows.map(() => s.points), y: column("level"),
  };
}

/* Ticks of an x axis, as many as there is room for their labels. */
function drawAxis(name, start, end) {
  const room = Math.max(document.getElementById("viewer").clientWidth - 80, 100);
  const { ticks, title } = axisTicks(viewer.series, start, end, room / TICK_PIXELS);
  const shown = ticks.filter(({ x }) => ((end - x) / (end - start)) * room > 24); // or it is cut off
  viewer.labels[name] = new Map(shown.map(({ x, label }) => [x, label]));
  viewer.axes[name].ticker.ticks = shown.map(({ x }) => x);
  if (name === "view") viewer.axes[name].axis_label = title;
}

function zoomTo(start, end) {
  const n = viewer.series.points;
  const width = Math.min(Math.max(end - start, 8), n);
  const from = Math.min(Math.max(start, 0), n - width);
  viewer.range.setv({ start: from, end: from + width });
}

function zoomBy(factor) {
  const { start, end } = viewer.range;
  const half = ((end - start) / 2) * factor;
  zoomTo((start + end) / 2 - half, (start + end) / 2 + half);
}

function nextAnomaly() {
  const edges = viewer.series.anomalies;
  if (!edges.length) return;
  const [start, stop] = edges.slice(2 * viewer.next, 2 * viewer.next + 2);
  const around = Math.max(2 * (stop - start), 150);
  zoomTo(start - around, stop + around);
  viewer.next = (viewer.next + 1) % (edges.length / 2);
}

function fillPicker() {
  const groups = new Map();
  payload.series.forEach((series, place) => {
    if (!groups.has(series.data)) {
      const group = document.createElement("optgroup");
      group.label = series.data;
      groups.set(series.data, group);
    }
    groups.get(series.data).append(new Option(series.case, String(place)));
  });
  document.getElementById("pick").append(...groups.values());
}

async function startViewer() {
  const views = await Bokeh.embed.embed_item(payload.viewer, document.getElementById("viewer"));
  setupViewer([...views][0].model.document);
  payload.methods.forEach((_, i) => {
    const drawn = payload.series.some((series) => series.scores.some((s) => s.method === i));
    if (drawn && viewer.chosen.size < FIRST_CHOSEN) viewer.chosen.add(i);
  });
  fillPicker();
  const on = (id, event, act) => document.getElementById(id).addEventListener(event, act);
  on("pick", "change", (event) => show(Number(event.target.value)));
  on("previous", "click", () => show(viewer.place - 1));
  on("next", "click", () => show(viewer.place + 1));
  on("closer", "click", () => zoomBy(0.5));
  on("wider", "click", () => zoomBy(2));
  on("whole", "click", () => zoomTo(0, viewer.series.points));
  on("anomaly", "click", nextAnomaly);
  const first = payload.series.findIndex((series) => series.anomalies.length > 0);
  await show(Math.max(first, 0));
}

if (payload.pareto) Bokeh.embed.embed_item(payload.pareto, document.getElementById("pareto"));
if (payload.viewer) startViewer();
