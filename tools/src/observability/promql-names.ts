/** The name of a series in an expression, and the labels that its selector has. */
interface Selector {
  readonly name: string;
  readonly labels: readonly string[];
}

export interface PromqlNames {
  readonly selectors: readonly Selector[];
  /** Labels of `by`, `without`, `on` and their like. */
  readonly grouping: readonly string[];
}

const KEYWORDS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'by', 'without', 'on', 'ignoring']);
const GROUPING = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;

/** The series and labels that a PromQL expression names. Variables of Grafana have no effect on them. */
export function promqlNames(expression: string): PromqlNames {
  const withoutText = expression
    .replace(/#.*$/gm, '')
    .replace(/"(?:[^"\\]|\\.)*"/g, '""')
    .replace(/\$\{?\w+\}?/g, '1m');
  const grouping: string[] = [];
  const rest = withoutText.replace(GROUPING, (_, list: string) => {
    grouping.push(
      ...list
        .split(',')
        .map((label) => label.trim())
        .filter((label) => label !== ''),
    );
    return ' ';
  });
  const selectors: Selector[] = [];
  for (const [, name = '', braces, call] of rest.matchAll(/(?<![\w:])([a-zA-Z_:][\w:]*)\s*(?:\{([^}]*)\}|(\())?/g)) {
    if (call !== undefined || KEYWORDS.has(name)) continue;
    const labels = [...(braces ?? '').matchAll(/(\w+)\s*(?:=|!)/g)].flatMap(([, label]) => label ?? []);
    selectors.push({ name, labels });
  }
  return { selectors, grouping };
}

/** What an expression names and nobody exports: `name`, or `name{label}`. */
export function unknownNames(expression: string, known: ReadonlyMap<string, readonly string[]>): string[] {
  const { selectors, grouping } = promqlNames(expression);
  const ofExpression = new Set(selectors.flatMap(({ name }) => known.get(name) ?? []));
  return [
    ...selectors.flatMap(({ name, labels }) => {
      const has = known.get(name);
      if (has === undefined) return [name];
      return labels.filter((label) => !has.includes(label)).map((label) => `${name}{${label}}`);
    }),
    ...grouping.filter((label) => !ofExpression.has(label)).map((label) => `by (${label})`),
  ];
}
