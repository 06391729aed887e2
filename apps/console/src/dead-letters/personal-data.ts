import { CE, DLQ_HEADERS, EVENT_CONTRACTS, QUALITY_HEADERS } from '@orderstream/contracts';

/** What a viewer sees in place of a value. */
export const MASKED = '(masked)';

/** Fields that a contract has, and none marks as personal. */
const OPEN_FIELDS: ReadonlySet<string> = openFields();
/** Headers whose values this system defines. Those of other programs may hold anything. */
const OPEN_HEADERS: ReadonlySet<string> = new Set<string>([
  ...Object.values(CE),
  ...Object.values(DLQ_HEADERS),
  ...Object.values(QUALITY_HEADERS),
]);

function openFields(): Set<string> {
  const columns = [...EVENT_CONTRACTS.values()].flatMap((contract) => contract.columns);
  const personal = new Set(columns.filter((column) => column.personal).map(({ name }) => name));
  const names = columns.map(({ name }) => name).filter((name) => !personal.has(name));
  return new Set(names);
}

/**
 * Whether a viewer may see the values of a field: contracts know it, and none marks it as personal. An unknown field may
 * hold anything.
 */
export const isOpenField = (name: string): boolean => OPEN_FIELDS.has(name);

export const isOpenHeader = (name: string): boolean => OPEN_HEADERS.has(name);

/** A body as a viewer sees it. An object or a list inside of it is in no contract, and is masked as a whole. */
export function maskBody(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(body).map(([name, value]) => {
      const isOpen = value === null || (isOpenField(name) && typeof value !== 'object');
      return [name, isOpen ? value : MASKED];
    }),
  );
}
