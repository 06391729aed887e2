/** Points of one line: x and y. */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
}

const WIDTH = 640;
const HEIGHT = 260;
const PLOT = { left: 70, top: 30, width: 340, height: 190 } as const;
const COLORS = ['#3274d9', '#e0752d', '#56a64b', '#a352cc', '#e02f44', '#8f8f8f', '#37872d', '#b877d9'];

const escape = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
const short = (value: number): string =>
  Math.abs(value) >= 1e5 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
const text = (x: number, y: number, content: string, more = ''): string =>
  `<text x="${x}" y="${y}" font-family="sans-serif" font-size="11" fill="#222" ${more}>${escape(content)}</text>`;
const color = (index: number): string => COLORS[index % COLORS.length] ?? '#000000';

const page = (title: string, content: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}"><rect width="100%" height="100%" fill="#fff"/>` +
  `${text(10, 18, title, 'font-weight="bold"')}${content}</svg>\n`;

/** Lines over time. Each series has its own scale of y if `ownScales`, as two axes have. */
export function plotLines(title: string, series: readonly Series[], ownScales = false): string {
  const points = series.flatMap((one) => one.points);
  const xs = points.map(([x]) => x);
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
  const topOf = (some: readonly (readonly [number, number])[]): number => Math.max(...some.map(([, y]) => y), 1e-9);
  const top = topOf(points);
  const lines = series.map((one, index) => {
    const scale = ownScales ? topOf(one.points) : top;
    const path = one.points
      .map(([x, y]) => {
        const px = PLOT.left + (x1 === x0 ? 0.5 : (x - x0) / (x1 - x0)) * PLOT.width;
        return `${px.toFixed(1)},${(PLOT.top + PLOT.height - (Math.max(y, 0) / scale) * PLOT.height).toFixed(1)}`;
      })
      .join(' ');
    const last = one.points.at(-1)?.[1] ?? NaN;
    return (
      `<polyline points="${path}" fill="none" stroke="${color(index)}" stroke-width="1.5"/>` +
      (index < 13
        ? text(
            PLOT.left + PLOT.width + 8,
            42 + index * 15,
            `${one.name}: ${short(last)}`.slice(0, 38),
            `style="fill:${color(index)}"`,
          )
        : '')
    );
  });
  const seconds = Math.round(x1 - x0);
  return page(
    title,
    `<rect x="${PLOT.left}" y="${PLOT.top}" width="${PLOT.width}" height="${PLOT.height}" fill="none" stroke="#bbb"/>` +
      text(8, PLOT.top + 10, ownScales ? 'own scales' : short(top)) +
      text(8, PLOT.top + PLOT.height, '0') +
      text(
        PLOT.left,
        PLOT.top + PLOT.height + 16,
        `${new Date(x0 * 1_000).toISOString().slice(11, 19)}, then ${seconds} s`,
      ) +
      lines.join(''),
  );
}

/** One bar per name. */
export function plotBars(title: string, bars: readonly (readonly [string, number])[]): string {
  const longest = Math.max(...bars.map(([, value]) => value), 1e-9);
  return page(
    title,
    bars
      .slice(0, 12)
      .map(([name, value], index) => {
        const y = 34 + index * 18;
        return `${text(10, y + 11, name.slice(0, 28))}<rect x="190" y="${y}" width="${((value / longest) * 360).toFixed(1)}" height="14" fill="${color(index)}"/>${text(560, y + 11, short(value))}`;
      })
      .join(''),
  );
}

/** The values of a stat. */
export const plotValues = (title: string, values: readonly string[]): string =>
  page(title, values.map((value, index) => text(30, 90 + index * 44, value, 'style="font-size:20px"')).join(''));
