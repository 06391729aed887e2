/** Plots as SVG text. Every plot has the same size and a title that says what should be seen. */
const WIDTH = 560;
const HEIGHT = 300;
const LEFT = 62;
const RIGHT = 12;
/** Width of the names of several series. */
const LEGEND = 130;
const TOP = 14;
const BOTTOM = 44;
const COLORS = ['#2f6fab', '#c8553d', '#588157', '#8e6c8a', '#e0a030', '#3c9d9b', '#6b705c', '#b56576'];
const TICKS = 6;

export interface Axis {
  readonly label: string;
  readonly isLog?: boolean;
  /** Texts in place of numbers, one for each whole number from 0. */
  readonly names?: readonly string[];
}

type Point = readonly [x: number, y: number];

export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
  readonly kind: 'line' | 'dots' | 'bars' | 'dashed';
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const at = (value: number): string => value.toFixed(1);

function shown(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${String(Number((value / 1e6).toPrecision(3)))} M`;
  if (size >= 1e4) return `${String(Number((value / 1e3).toPrecision(3)))} k`;
  return String(Number(value.toPrecision(3)));
}

/** Maps values to places on the page. */
class Scale {
  readonly ticks: readonly number[];
  private readonly low: number;
  private readonly high: number;

  constructor(
    values: readonly number[],
    private readonly from: number,
    private readonly to: number,
    private readonly isLog: boolean,
    startsAtZero: boolean,
  ) {
    const finite = values.filter((value) => Number.isFinite(value) && (!isLog || value > 0));
    const least = finite.reduce((a, b) => Math.min(a, b), Infinity);
    const most = finite.reduce((a, b) => Math.max(a, b), -Infinity);
    // A bar from the lowest value of a logarithmic axis would have no height.
    const below = isLog && startsAtZero ? least / 2 : least;
    this.low = this.measure(startsAtZero && !isLog ? Math.min(0, least) : below);
    this.high = Math.max(this.measure(most), this.low + 1e-9);
    this.ticks = isLog ? this.powers() : this.steps();
  }

  place(value: number): number {
    const share = (this.measure(value) - this.low) / (this.high - this.low);
    return this.from + share * (this.to - this.from);
  }

  private measure(value: number): number {
    return this.isLog ? Math.log10(value) : value;
  }

  private powers(): number[] {
    const ticks: number[] = [];
    for (let power = Math.ceil(this.low - 1e-9); power <= this.high + 1e-9; power++) ticks.push(10 ** power);
    return ticks;
  }

  private steps(): number[] {
    const rough = (this.high - this.low) / TICKS;
    const unit = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * unit).find((size) => size >= rough) ?? unit;
    const ticks: number[] = [];
    for (let tick = Math.ceil(this.low / step) * step; tick <= this.high + 1e-9; tick += step) ticks.push(tick);
    return ticks;
  }
}

/** Lines, dots or bars in one frame. */
export function chart(x: Axis, y: Axis, series: readonly Series[]): string {
  const points = series.flatMap((one) => one.points);
  const right = WIDTH - RIGHT - (series.length < 2 ? 0 : LEGEND);
  const margin = series.some(({ kind }) => kind === 'bars') ? 0.5 : 0;
  const xs = points.map(([value]) => value);
  const xScale = new Scale(
    [...xs.map((value) => value - margin), ...xs.map((value) => value + margin)],
    LEFT,
    right,
    x.isLog ?? false,
    false,
  );
  const yScale = new Scale(
    points.map(([, value]) => value),
    HEIGHT - BOTTOM,
    TOP,
    y.isLog ?? false,
    true,
  );
  const xTicks = x.names === undefined ? xScale.ticks : x.names.map((_, index) => index);
  const marks = [
    ...xTicks.map((tick) => text(xScale.place(tick), HEIGHT - BOTTOM + 15, x.names?.[tick] ?? shown(tick), 'middle')),
    ...yScale.ticks.map((tick) => {
      const place = at(yScale.place(tick));
      const line = `<line x1="${LEFT}" x2="${right}" y1="${place}" y2="${place}" stroke="#ddd"/>`;
      return line + text(LEFT - 6, yScale.place(tick) + 4, shown(tick), 'end');
    }),
    text((LEFT + right) / 2, HEIGHT - 8, x.label, 'middle', '#555'),
    `<text transform="translate(13 ${HEIGHT / 2}) rotate(-90)" text-anchor="middle" fill="#555">${escaped(y.label)}</text>`,
  ];
  const drawn = series.map((one, index) => draw(one, COLORS[index % COLORS.length] ?? '#000', xScale, yScale));
  const legend =
    series.length < 2
      ? []
      : series.map(({ name }, index) => {
          const top = TOP + 4 + 14 * index;
          const color = COLORS[index % COLORS.length] ?? '#000';
          return `<rect x="${right + 12}" y="${top}" width="10" height="10" fill="${color}"/>${text(right + 26, top + 9, name, 'start')}`;
        });
  return svg([...marks, ...drawn, ...legend]);
}

function draw({ kind, points }: Series, color: string, x: Scale, y: Scale): string {
  const placed = points
    .map(([a, b]): Point => [x.place(a), y.place(b)])
    .filter((point) => point.every(Number.isFinite));
  if (kind === 'dots')
    return placed.map(([a, b]) => `<circle cx="${at(a)}" cy="${at(b)}" r="2" fill="${color}"/>`).join('');
  if (kind === 'bars') {
    const width = 0.7 * (x.place(1) - x.place(0));
    return placed
      .map(
        ([a, b]) =>
          `<rect x="${at(a - width / 2)}" y="${at(b)}" width="${at(width)}" height="${at(HEIGHT - BOTTOM - b)}" fill="${color}"/>`,
      )
      .join('');
  }
  const path = placed.map(([a, b], index) => `${index === 0 ? 'M' : 'L'}${at(a)} ${at(b)}`).join('');
  return `<path d="${path}" fill="none" stroke="${color}" stroke-width="1.6"${kind === 'dashed' ? ' stroke-dasharray="5 4"' : ''}/>`;
}

/** Values as shades: rows from top to bottom. */
export function heatmap(
  rows: readonly string[],
  columns: readonly string[],
  values: readonly (readonly number[])[],
  format: (value: number) => string,
): string {
  const most = values.flat().reduce((a, b) => Math.max(a, b), 0);
  const width = (WIDTH - LEFT - RIGHT) / columns.length;
  const height = (HEIGHT - TOP - BOTTOM) / rows.length;
  const cells = values.flatMap((row, r) =>
    row.map((value, c) => {
      const [left, top] = [LEFT + c * width, TOP + r * height];
      const share = most === 0 ? 0 : value / most;
      const box = `<rect x="${at(left)}" y="${at(top)}" width="${at(width)}" height="${at(height)}" fill="#2f6fab" fill-opacity="${share.toFixed(3)}"/>`;
      const isWide = width > 30 && value > 0;
      return isWide
        ? box + text(left + width / 2, top + height / 2 + 4, format(value), 'middle', share > 0.6 ? '#fff' : '#222')
        : box;
    }),
  );
  const names = [
    ...rows.map((name, r) => text(LEFT - 6, TOP + (r + 0.5) * height + 4, name, 'end')),
    ...columns.map((name, c) => text(LEFT + (c + 0.5) * width, HEIGHT - BOTTOM + 15, name, 'middle')),
  ];
  return svg([...cells, ...names]);
}

const text = (x: number, y: number, content: string, anchor: string, color = '#222'): string =>
  `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}" fill="${color}">${escaped(content)}</text>`;

const svg = (content: readonly string[]): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="11">` +
  `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>${content.join('')}</svg>`;

export interface Figure {
  readonly title: string;
  /** What should be seen, and figures. */
  readonly caption: string;
  readonly svg: string;
}

/** A page that needs no other file. */
export function page(title: string, intro: string, figures: readonly Figure[]): string {
  return [
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title>`,
    '<style>body{font:14px sans-serif;margin:24px;color:#222;background:#f4f4f2}main{display:flex;flex-wrap:wrap;gap:18px}',
    'figure{margin:0;padding:12px;background:#fff;border:1px solid #ddd;width:560px}h2{font-size:15px;margin:0 0 6px}figcaption{color:#555;margin-top:6px}</style></head>',
    `<body><h1>${escaped(title)}</h1><p>${escaped(intro)}</p><main>`,
    ...figures.map(
      ({ title: name, caption, svg: plot }) =>
        `<figure><h2>${escaped(name)}</h2>${plot}<figcaption>${escaped(caption)}</figcaption></figure>`,
    ),
    '</main></body></html>',
    '',
  ].join('\n');
}
