/**
 * The charts, as SVG without script: d3 does scales and shapes, the page's style sheet the colours. Their size is bounded:
 * what would fall on the same spot is drawn once, and many values become a band from the least to the most.
 */
import { scaleLinear, scaleTime, type ScaleLinear, type ScaleTime } from 'd3-scale';
import { area, line } from 'd3-shape';
import { bytes, duration, localTime } from '../ui/format.js';
import { html, type Markup } from './markup.js';

export interface ChartFrame {
  /** Unique in the page. */
  id: string;
  /** The id of the element that names the chart. */
  labelledBy: string;
  /** What the time axis spans, milliseconds since 1970. */
  from: number;
  to: number;
}

const width = 880;
const margin = { left: 64, right: 12 };
const axisHeight = 22;
const day = 24 * 3_600_000;
/** Up to so many, each is drawn for itself: a value has a point with words to hover over, a deposit a tick that stands out. */
const mostPoints = 150;

type TimeScale = ScaleTime<number, number>;
type LevelScale = ScaleLinear<number, number>;

/** Time from left to right, with its labels below `height`. Its labels are numbers: they are the same in every language. */
function timeAxis({ from, to }: ChartFrame, height: number): { x: TimeScale; marks: Markup[] } {
  const x = scaleTime([new Date(from), new Date(to)], [margin.left, width - margin.right]);
  const label = labelOf(to - from);
  let free = -Infinity;
  const marks: Markup[] = [];
  for (const at of x.ticks(8)) {
    const text = label(at);
    const px = round(x(at));
    // A label as wide as its letters, and some air: where two would touch, the second is left out.
    const half = text.length * 3.6;
    const fits = px - half > free && px + half <= width;
    marks.push(
      html`<path class="grid" d="M${px} 4V${height}"/>${fits ? html`<text class="tick" x="${px}" y="${height + 16}" text-anchor="middle">${text}</text>` : null}`,
    );
    if (fits) free = px + half + 8;
  }
  return { x, marks };
}

function labelOf(span: number): (at: Date) => string {
  const two = (n: number): string => String(n).padStart(2, '0');
  const monthOf = (at: Date): string => `${at.getFullYear()}-${two(at.getMonth() + 1)}`;
  if (span > 3 * 365 * day) return (at) => (at.getMonth() === 0 ? String(at.getFullYear()) : monthOf(at));
  if (span > 120 * day) return monthOf;
  if (span > 4 * day) return (at) => `${monthOf(at)}-${two(at.getDate())}`;
  return (at) => `${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

function svg(frame: ChartFrame, height: number, content: readonly Markup[]): Markup {
  return html`<svg viewBox="0 0 ${width} ${height + axisHeight}" role="img" aria-labelledby="${frame.labelledBy}" id="${frame.id}">${content}</svg>`;
}

/** Deposits as ticks on the band of time that they answer for, holes in it, and failed runs as crosses below. */
export function rhythmChart(
  frame: ChartFrame,
  o: {
    deposits: readonly number[];
    covered: readonly [number, number][];
    gaps: readonly { from: number; to: number }[];
    failed: readonly number[];
  },
): Markup {
  const height = 84;
  const { x, marks } = timeAxis(frame, height);
  const bar = (cls: string, span: readonly [number, number]): Markup | null => {
    const [from, to] = [Math.max(span[0], frame.from), Math.min(span[1], frame.to)];
    if (to < from) return null;
    const left = round(x(new Date(from)));
    // A day in ten years is a hair: what is wrong must still be seen.
    return html`<rect class="${cls}" x="${left}" y="12" width="${Math.max(2, round(x(new Date(to)) - left))}" height="30"/>`;
  };
  const found = spots(o.deposits, x, 0.5);
  const ticks = found.map((px) => `M${px} 8V46`).join('');
  const crosses = spots(o.failed, x, 2)
    .map((px) => `M${round(px - 4)} 60l8 8m0-8l-8 8`)
    .join('');
  return svg(frame, height, [
    html`<defs><pattern id="${frame.id}-hatch" width="6" height="6" patternUnits="userSpaceOnUse"><path class="hatch" d="M-1 1l2-2M0 6l6-6M5 7l2-2"/></pattern></defs>`,
    ...marks,
    html`${o.covered.map((span) => bar('covered', span))}`,
    html`${o.gaps.map(({ from, to }) => [bar('gap', [from, to]), hatched(bar('', [from, to]), frame.id)])}`,
    html`<path class="${found.length > mostPoints ? 'deposit dense' : 'deposit'}" d="${ticks}"/><path class="failed" d="${crosses}"/>`,
    html`<path class="axis" d="M${margin.left} ${height}H${width - margin.right}"/>`,
    rowLabel(31, 'deposits', 'depots'),
    crosses === '' ? html`` : rowLabel(68, 'failed', 'mislukt'),
  ]);
}

/** What a row shows, before its beginning; the page shows one of the two languages. */
function rowLabel(y: number, en: string, nl: string): Markup {
  const text = (language: string, word: string): Markup =>
    html`<text class="tick ${language}" lang="${language}" x="${margin.left - 6}" y="${y}" text-anchor="end">${word}</text>`;
  return html`${text('en', en)}${text('nl', nl)}`;
}

function hatched(bar: Markup | null, id: string): Markup | null {
  return bar === null ? null : html`<g fill="url(#${id}-hatch)">${bar}</g>`;
}

/** Where to draw, each spot once. */
function spots(times: readonly number[], x: TimeScale, step: number): number[] {
  const [left, right] = x.range() as [number, number];
  const found = new Set<number>();
  for (const at of times) {
    const px = Math.round(x(new Date(at)) / step) * step;
    if (px >= left - 1 && px <= right + 1) found.add(round(px));
  }
  return [...found];
}

export type Value = readonly [at: number, value: number];

/** Values over time; `unit` says how to show them. `most` bounds how many points are drawn. */
export function valueChart(
  frame: ChartFrame,
  values: readonly Value[],
  unit: 'bytes' | 'seconds',
  most: number,
): Markup {
  const height = 150;
  const { x, marks } = timeAxis(frame, height);
  const show = unit === 'bytes' ? bytes : (seconds: number) => duration(seconds * 1000);
  const y = scaleLinear([0, Math.max(1, ...values.map(([, value]) => value))], [height, 12]);
  const levels = levelsOf(y, unit).map((level) => {
    const py = round(y(level));
    return html`<path class="grid" d="M${margin.left} ${py}H${width - margin.right}"/><text class="tick" x="${margin.left - 6}" y="${py + 4}" text-anchor="end">${level === 0 ? '0' : show(level).replace(/\.0(?= )/, '')}</text>`;
  });
  const content = values.length <= most ? each(values, x, y, show) : band(values, x, y, most);
  return svg(frame, height, [
    ...marks,
    ...levels,
    ...content,
    html`<path class="axis" d="M${margin.left} ${height}H${width - margin.right}"/>`,
  ]);
}

function each(values: readonly Value[], x: TimeScale, y: LevelScale, show: (value: number) => string): Markup[] {
  const path = line<Value>()
    .digits(1)
    .x(([at]) => x(new Date(at)))
    .y(([, value]) => y(value));
  return [
    html`<path class="line" d="${path(values as Value[])}"/>`,
    ...(values.length > mostPoints
      ? []
      : values.map(
          ([at, value]) =>
            html`<circle class="point" cx="${round(x(new Date(at)))}" cy="${round(y(value))}" r="3"><title>${localTime(new Date(at))}: ${show(value)}</title></circle>`,
        )),
  ];
}

/** Too many to be drawn one by one: least, most and median of equal stretches of time. */
function band(values: readonly Value[], x: TimeScale, y: LevelScale, most: number): Markup[] {
  const [left, right] = x.range() as [number, number];
  const bins = new Map<number, number[]>();
  const step = (right - left) / Math.max(1, Math.floor(most / 3));
  for (const [at, value] of values) {
    const bin = Math.floor((x(new Date(at)) - left) / step);
    const inBin = bins.get(bin);
    if (inBin === undefined) bins.set(bin, [value]);
    else inBin.push(value);
  }
  const rows = [...bins]
    .sort(([a], [b]) => a - b)
    .map(([bin, found]) => {
      const sorted = found.sort((a, b) => a - b);
      const median = sorted[sorted.length >> 1]!;
      return { px: left + (bin + 0.5) * step, least: sorted[0]!, most: sorted.at(-1)!, median };
    });
  type Row = (typeof rows)[number];
  const between = area<Row>()
    .digits(1)
    .x(({ px }) => px)
    .y0(({ least }) => y(least))
    .y1(({ most: top }) => y(top));
  const middle = line<Row>()
    .digits(1)
    .x(({ px }) => px)
    .y(({ median }) => y(median));
  return [html`<path class="band" d="${between(rows)}"/><path class="line" d="${middle(rows)}"/>`];
}

/** Round numbers in the unit that people read: 5 GiB and not 5.37 billion, 15 minutes and not 1000 seconds. */
function levelsOf(y: LevelScale, unit: 'bytes' | 'seconds'): number[] {
  const most = y.domain()[1]!;
  const scale =
    unit === 'bytes'
      ? 1024 ** Math.min(5, Math.floor(Math.log2(most) / 10))
      : most >= 2 * 3600
        ? 3600
        : most >= 120
          ? 60
          : 1;
  const inUnit = scaleLinear([0, most / scale], [0, 1]).nice(4);
  y.domain([0, inUnit.domain()[1]! * scale]);
  return inUnit.ticks(4).map((level) => level * scale);
}

function round(px: number): number {
  return Math.round(px * 10) / 10;
}
