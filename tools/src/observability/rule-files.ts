/** An alert of a rule file, as text: the files are read by Prometheus, and a test needs no more of them. */
export interface AlertText {
  readonly name: string;
  /** From its name to the next alert. */
  readonly block: string;
  readonly expression: string;
}

/** The alerts of a rule file. */
export function alertsOf(text: string): AlertText[] {
  return text
    .split(/^ *- alert: /m)
    .slice(1)
    .map((block) => ({ name: block.split('\n')[0] ?? '', block, expression: expressionOf(block) }));
}

/** The expressions of the recording rules of a file. */
export const recordedExpressions = (text: string): string[] =>
  text
    .split(/^ *- record: /m)
    .slice(1)
    .map(expressionOf);

/** On one line, or indented below `expr: |`. */
function expressionOf(block: string): string {
  const found = /^( *)expr: (?:\|\n((?:\1 +.*\n)+)|(.*)$)/m.exec(block);
  return found?.[2] ?? found?.[3] ?? '';
}
