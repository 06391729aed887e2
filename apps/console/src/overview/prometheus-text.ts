/** One series of a scrape. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/**
 * The series of the metrics of these names, by metric (Prometheus, "Exposition formats", text-based format). What is not
 * readable is left out: a scrape that is cut has the series before the cut.
 */
export function parseSamples(text: string, names: ReadonlySet<string>): ReadonlyMap<string, readonly Sample[]> {
  const found = new Map<string, Sample[]>();
  for (const line of text.split('\n')) {
    const [, name, labels = '', number] = LINE.exec(line) ?? [];
    if (name === undefined || number === undefined || !names.has(name)) continue;
    const value = Number(number === '+Inf' ? 'Infinity' : number);
    if (Number.isNaN(value)) continue;
    const sample = { labels: labelsOf(labels), value };
    const group = found.get(name);
    if (group === undefined) found.set(name, [sample]);
    else group.push(sample);
  }
  return found;
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, name = '', value = ''] of text.matchAll(LABEL)) {
    labels[name] = value.replaceAll('\\"', '"').replaceAll('\\n', '\n').replaceAll('\\\\', '\\');
  }
  return labels;
}
