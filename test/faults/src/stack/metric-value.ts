/**
 * The value of one series in the text of a service's /metrics: the first that has the name and these labels, among others.
 * Undefined: there is none.
 */
export function metricValue(text: string, name: string, labels: Readonly<Record<string, string>>): number | undefined {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  for (const line of text.split('\n')) {
    if (!line.startsWith(`${name}{`)) continue;
    const end = line.lastIndexOf('}');
    const found = line.slice(name.length + 1, end).split(',');
    if (wanted.every((label) => found.includes(label))) return Number(line.slice(end + 1));
  }
  return undefined;
}
