/* Numbers and times as text, and round places for ticks: in times where they are known. */
"use strict";

const TICK_PIXELS = 80;
const GAP = 10;
const LEVEL = 1e4; // values this many times larger than they vary are labelled from a round number
const [SECOND, MINUTE, HOUR, DAY] = [1e3, 6e4, 36e5, 864e5];
const DATE_STEPS = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND), ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR), ...[1, 2, 4, 7, 14].map((n) => n * DAY)];
const MONTH_STEPS = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600];
const UNITS = [[600, 1, "s"], [36e3, 60, "min"], [216e4, 3600, "h"], [Infinity, 86400, "days"]];

/* A number with six digits, in few characters. */
function short(value, digits = 6) {
  const number = Number(value.toPrecision(digits)), size = Math.abs(number);
  const plain = size === 0 || (size >= 1e-4 && size < 1e6);
  return plain ? String(number) : number.toExponential().replace("e+", "e");
}

/* Two numbers with the digits that tell them apart. */
function spanText(low, high) {
  if (low === high) return short(low);
  const size = Math.log10(Math.max(Math.abs(low), Math.abs(high)));
  const digits = Math.max(Math.ceil(size - Math.log10(high - low)) + 2, 3);
  const decimals = Math.max(0, digits - 1 - Math.floor(size));
  const text = size > -5 && size < Math.max(6, digits + 2)
    ? (v) => String(Number(v.toFixed(decimals)) || 0) : (v) => short(v, Math.min(digits, 17));
  return `${text(low)} to ${text(high)}`;
}

/* 1, 2 or 5 times a power of ten: the smallest that is not below. */
function decimalStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((n) => n * power).find((step) => step >= least * (1 - 1e-9));
}

function roundBetween(low, high) {
  const step = decimalStep((high - low) / 2);
  return Number((Math.round((low + high) / 2 / step) * step).toPrecision(15));
}

const iso = (time) => new Date(time).toISOString();

/* `2025-12-31 23:59:00`, with as many decimals of a second as a step of that many ms needs. */
function dateText(time, step) {
  const rounded = Math.round(time * 1e3) / 1e3;
  const text = iso(Math.floor(rounded)).replace("T", " ");
  if (step >= SECOND) return text.slice(0, 19);
  const micro = step < 1 ? String(Math.round((rounded % 1) * 1e3)).padStart(3, "0") : "";
  return text.slice(0, 23) + micro;
}

/* Round times: their numbers, from which they follow, and the label of each. */
function dateScale(least) {
  const evenly = (size, label) => ({
    first: (time) => Math.ceil(time / size - 1e-6), time: (k) => k * size, by: 1, size, label });
  const size = least > SECOND / 2 ? DATE_STEPS.find((step) => step >= least) : decimalStep(least);
  if (size >= DAY) return evenly(size, (time) => iso(time).slice(0, 10));
  if (size) {
    const length = size < SECOND ? undefined : size < MINUTE ? 19 : 16;
    return evenly(size, (time, before) => {
      const [date, clock] = dateText(time, size).slice(0, length).split(" ");
      return before !== undefined && iso(before).slice(0, 10) === date ? clock : `${clock}\n${date}`;
    });
  }
  const by = MONTH_STEPS.find((months) => 28 * DAY * months >= least) ?? MONTH_STEPS.at(-1);
  const time = (k) => Date.UTC(Math.floor(k / 12), k % 12);
  const first = (from) => {
    const date = new Date(from), k = 12 * date.getUTCFullYear() + date.getUTCMonth();
    return Math.ceil((time(k) < from ? k + 1 : k) / by) * by;
  };
  return { first, time, by, size: 28 * DAY * by, label: (t) => iso(t).slice(0, by < 12 ? 7 : 4) };
}

function numberScale(least, factor) {
  const size = decimalStep(least / factor);
  return {
    first: (time) => Math.ceil(time / factor / size - 1e-6), time: (k) => k * size * factor, by: 1, size,
    label: (time) => String(Number((time / factor).toPrecision(12))),
  };
}

/* Where time runs evenly: [point, point, time, time]; a gap in time is no such stretch. */
function* evenStretches({ points, values, step }) {
  for (let i = 1; i < points.length; i++) {
    const [p, q, a, b] = [points[i - 1], points[i], values[i - 1], values[i]];
    if (b > a && b - a <= GAP * step * (q - p)) yield [p, q, a, b];
  }
}

function timeGaps({ points, values, step }) {
  return points.filter((q, i) => i && values[i] - values[i - 1] > GAP * step * (q - points[i - 1])).length;
}

function timeAt({ points, values, step }, x) {
  let i = 1;
  while (i < points.length - 1 && points[i] < x) i++;
  if (points.length < 2 || x > points.at(-1)) return values.at(-1) + step * (x - points.at(-1));
  return values[i - 1] + ((values[i] - values[i - 1]) * (x - points[i - 1])) / (points[i] - points[i - 1]);
}

/* Ticks {x, label} of the points from `start` to `end`, and what the axis is called. */
function axisTicks(series, start, end, most) {
  const times = series.times ?? {
    kind: "point", step: 1, points: [0, series.points], values: [0, series.points] };
  const least = (Math.abs(times.step) * (end - start)) / most;
  const [, factor, unit] = UNITS.find(([longest]) => least * most <= longest);
  const { scale, title } = {
    date: () => ({ scale: dateScale(least), title: "" }),
    seconds: () => ({ scale: numberScale(least, factor), title: `time (${unit})` }),
    point: () => ({ scale: numberScale(Math.max(least, 1), 1), title: "point" }),
  }[times.kind]();
  const apart = (0.9 * (end - start)) / most, places = [];
  const add = (x, time) => {
    if (!places.length || x - places.at(-1).x >= apart) places.push({ x, time });
  };
  for (const [p, q, a, b] of evenStretches(times)) {
    const pace = (b - a) / (q - p);
    const [from, to] = [Math.max(p, start), Math.min(q, end)].map((x) => a + pace * (x - p));
    if (from > to) continue;
    for (let k = scale.first(from); scale.time(k) <= to; k += scale.by) {
      add(p + (scale.time(k) - a) / pace, scale.time(k));
    }
  }
  if (places.length < 2) { // too uneven for round times
    places.length = 0;
    for (let x = Math.ceil(start); x < end; x += Math.ceil((end - start) / most)) {
      const time = timeAt(times, x);
      places.push({ x, label: times.kind === "date" ? dateText(time, least).split(" ").reverse().join("\n") : scale.label(time) });
    }
    return { ticks: places, title };
  }
  const ticks = places.map(({ x, time }, i) => ({ x, label: scale.label(time, places[i - 1]?.time) }));
  return { ticks, title };
}

/* The first and the last point that are seen, as text. */
function ends(series, start, end) {
  const [first, last] = [Math.max(Math.ceil(start), 0), Math.min(Math.ceil(end), series.points) - 1];
  if (!series.times) return [`point ${first}`, `${last}`];
  const whole = Math.abs(series.times.step) * (last - first);
  return [first, last].map((x) => {
    const time = timeAt(series.times, x);
    return series.times.kind === "date" ? dateText(time, whole / 1e2) : `${short(time, 9)} s`;
  });
}
