import { parseArgs } from 'node:util';
import { parseInteger } from '@orderstream/config';

const MIN_RECORDS = 10_000;

/** What `npm run bench` can leave out: the bridge, because the Pub/Sub emulator holds some 300,000 orders, and the baselines. */
export const PARTS = ['pubsub-bridge', 'baselines'] as const;
export type Part = (typeof PARTS)[number];

export interface BenchOptions {
  readonly records: number;
  readonly skip: ReadonlySet<Part>;
}

/** The options of `npm run bench`. @throws TypeError */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: { records: { type: 'string', default: '300000' }, skip: { type: 'string', multiple: true, default: [] } },
  });
  const records = parseInteger(values.records, { min: MIN_RECORDS });
  if (records === undefined) throw new TypeError(`--records: expected an integer of at least ${MIN_RECORDS}`);
  return { records, skip: new Set(values.skip.map(parsePart)) };
}

function parsePart(text: string): Part {
  const part = PARTS.find((each) => each === text);
  if (part === undefined) throw new TypeError(`--skip: expected ${PARTS.join(' or ')}`);
  return part;
}
