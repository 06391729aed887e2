import type { BigQueryType, FieldSchema } from './columns';
import type { EventContract } from './event';

interface ReleasedColumn {
  readonly type: BigQueryType;
  readonly mode: 'REQUIRED' | 'NULLABLE';
  readonly schema: FieldSchema;
}

interface ReleasedEvent {
  readonly family: string;
  readonly keyField: string;
  readonly columns: Readonly<Record<string, ReleasedColumn>>;
}

/** What others rely on in the events of one version, by event type. */
export type Release = Readonly<Record<string, ReleasedEvent>>;

/** The contracts as they are in the code. */
export const releaseOf = (contracts: Iterable<EventContract>): Release =>
  Object.fromEntries(
    [...contracts].map(({ type, family, keyField, columns }) => [
      type,
      {
        family,
        keyField,
        columns: Object.fromEntries(columns.map((column) => [column.name, pick(column)])),
      },
    ]),
  );

const pick = ({ type, mode, schema }: ReleasedColumn): ReleasedColumn => ({ type, mode, schema });

/** How an event's columns break what was released. */
function columnProblems(event: string, released: ReleasedEvent, now: ReleasedEvent): string[] {
  const removed = Object.keys(released.columns).filter((name) => !(name in now.columns));
  const changed = Object.entries(now.columns).flatMap(([name, column]): string[] => {
    const before = released.columns[name];
    if (before === undefined) return column.mode === 'NULLABLE' ? [] : [`${name} is new and REQUIRED`];
    return [
      ...(before.type === column.type ? [] : [`${name} was ${before.type} and is ${column.type}`]),
      ...(before.mode === column.mode ? [] : [`${name} was ${before.mode} and is ${column.mode}`]),
      ...schemaProblems(name, before.schema, column.schema),
    ];
  });
  return [...removed.map((name) => `${name} is removed`), ...changed].map((problem) => `${event}: ${problem}`);
}

/** A list of values may grow. */
function schemaProblems(name: string, before: FieldSchema, now: FieldSchema): string[] {
  const lost = before.enum?.filter((value) => now.enum?.includes(value) !== true) ?? [];
  if (before.enum !== undefined && now.enum !== undefined) {
    return lost.map((value) => `${name} can no longer be "${value}"`);
  }
  const [was, is] = [before, now].map((schema) => JSON.stringify(Object.entries(schema).sort()));
  return was === is ? [] : [`${name} had the constraint ${JSON.stringify(before)} and has ${JSON.stringify(now)}`];
}

/** Every change that is no new event type, no new NULLABLE column and no new value of a list. Empty: compatible. */
export function incompatibilities(released: Release, now: Release): readonly string[] {
  return Object.entries(released).flatMap(([event, before]) => {
    const after = now[event];
    if (after === undefined) return [`${event} is removed`];
    return [
      ...(before.family === after.family ? [] : [`${event}: its family was ${before.family} and is ${after.family}`]),
      ...(before.keyField === after.keyField
        ? []
        : [`${event}: its key was ${before.keyField} and is ${after.keyField}`]),
      ...columnProblems(event, before, after),
    ];
  });
}

/** The contracts break what was released. */
export class ContractChangeError extends Error {
  constructor(problems: readonly string[], path: string) {
    super(
      `the contracts break the released version:\n${problems.map((problem) => `  ${problem}\n`).join('')}` +
        'Consumers, tables and stored records rely on it. Only a new event type, a new NULLABLE column and a new value of a ' +
        'list are compatible. Leave the contract as it was released, and declare the change as version 2 of the event in ' +
        'topics of its own (marketplace.<family>.raw.v2, .validated.v2): see "Changing a contract" in ' +
        `docs/contracts/README.md. If the earlier form was never released: git checkout ${path}.`,
    );
  }
}

/**
 * The content of the file of released contracts: what it has, and what is new and compatible.
 * @param stored the content of the file; undefined before the first release
 * @throws ContractChangeError that names every incompatible change
 */
export function renderRelease(path: string, stored: string | undefined, contracts: Iterable<EventContract>): string {
  const now = releaseOf(contracts);
  const problems = incompatibilities(stored === undefined ? {} : (JSON.parse(stored) as Release), now);
  if (problems.length > 0) throw new ContractChangeError(problems, path);
  return `${JSON.stringify(now, null, 2)}\n`;
}
