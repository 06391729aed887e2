import { isMap, isPair, isScalar, LineCounter, type Node, parseDocument, type ParsedNode } from 'yaml';
import { type z } from 'zod';
import { type Scenario, scenarioSchema } from './schema';

/** One problem of a scenario file. */
export interface ScenarioProblem {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** Where in the file: keys joined by dots. Empty for the file itself. */
  readonly path: string;
  /** What was expected, and what was found. */
  readonly message: string;
}

export type ParsedScenario =
  | { readonly scenario: Scenario; readonly problems?: undefined }
  | { readonly scenario?: undefined; readonly problems: readonly [ScenarioProblem, ...ScenarioProblem[]] };

/** As one line: `file:line: path: message`. */
export const problemText = ({ file, line, path, message }: ScenarioProblem): string =>
  `${file}:${line}: ${path === '' ? '' : `${path}: `}${message}`;

const MAX_ALIASES = 20;

/**
 * Parses a scenario. Reports every problem of the file, in the order of its lines.
 * @param options.hasItsName whether the scenario must have the name of the file
 */
export function parseScenario(text: string, fileName: string, { hasItsName = true } = {}): ParsedScenario {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const lineOf = (offset: number): number => Math.max(1, lines.linePos(offset).line);
  if (document.errors.length > 0) {
    return failed(
      document.errors.map(({ pos, message }) => ({
        file: fileName,
        line: lineOf(pos[0]),
        path: '',
        message: `not valid YAML: ${message}`,
      })),
    );
  }
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    return failed([{ file: fileName, line: 1, path: '', message: `not valid YAML: ${error.message}` }]);
  }
  const result = scenarioSchema.safeParse(content ?? {}, { reportInput: true });
  if (result.success) {
    const expected = fileName.replace(/^.*\//, '').replace(/\.ya?ml$/, '');
    const { name } = result.data;
    if (name === expected || !hasItsName) return { scenario: result.data };
    const line = lineOf(offsetOf(document.contents, ['name']));
    return failed([
      { file: fileName, line, path: 'name', message: `expected the file's name, ${expected}, found ${name}` },
    ]);
  }
  return failed(
    result.error.issues.flatMap((issue) =>
      locatedIssues(issue).map(({ path, message }) => ({
        file: fileName,
        line: lineOf(offsetOf(document.contents, path)),
        path: path.map(String).join('.'),
        message,
      })),
    ),
  );
}

function failed(problems: readonly ScenarioProblem[]): ParsedScenario {
  const [first, ...rest] = problems.toSorted((a, b) => a.line - b.line);
  if (first === undefined) throw new TypeError('A failed scenario has a problem');
  return { problems: [first, ...rest] };
}

type Path = readonly PropertyKey[];

/** What an issue of the schema says, with the place of each unknown key. */
function locatedIssues(issue: z.core.$ZodIssue): readonly { readonly path: Path; readonly message: string }[] {
  const { path } = issue;
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ path: [...path, key], message: 'unknown key' }));
    case 'invalid_type':
      return [{ path, message: `expected ${expectedType(issue.expected)}, found ${shown(issue.input)}` }];
    case 'too_small':
      return [
        { path, message: `expected ${bound(issue, issue.minimum, 'least', 'more than')}, found ${shown(issue.input)}` },
      ];
    case 'too_big':
      return [
        { path, message: `expected ${bound(issue, issue.maximum, 'most', 'less than')}, found ${shown(issue.input)}` },
      ];
    case 'invalid_value':
      return [{ path, message: `expected ${issue.values.map(String).join(' or ')}, found ${shown(issue.input)}` }];
    case 'invalid_union':
      return [{ path, message: `expected a known kind of effect: flash-sale, vendor-outage or bot-burst` }];
    case 'invalid_format': {
      const isDate = issue.message.startsWith('Invalid');
      return [
        {
          path,
          message: `${isDate ? 'expected a date such as 2026-01-31' : issue.message}, found ${shown(issue.input)}`,
        },
      ];
    }
    default:
      return [{ path, message: issue.message }];
  }
}

const expectedType = (type: string): string =>
  type === 'int' ? 'a whole number' : type === 'object' ? 'a map of keys' : type === 'array' ? 'a list' : `a ${type}`;

const bound = (
  { origin, inclusive }: { readonly origin: string; readonly inclusive?: boolean | undefined },
  limit: number | bigint,
  word: string,
  strictly: string,
): string => {
  const unit = origin === 'string' ? ' characters' : origin === 'array' ? ' items' : '';
  return inclusive === false ? `${strictly} ${limit}${unit}` : `at ${word} ${limit}${unit}`;
};

const MAX_SHOWN = 60;

function shown(input: unknown): string {
  if (input === undefined) return 'nothing';
  const text = JSON.stringify(input);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}

/** Where the file has a path, or the nearest key above it. */
function offsetOf(root: ParsedNode | Node | null, path: Path): number {
  let offset = root?.range?.[0] ?? 0;
  let node: unknown = root;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key);
      if (pair === undefined) return offset;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else if (typeof node === 'object' && node !== null && 'items' in node && typeof key === 'number') {
      const item = (node.items as unknown[])[key];
      offset = (item as Node | undefined)?.range?.[0] ?? offset;
      node = item;
    } else return offset;
  }
  return offset;
}
