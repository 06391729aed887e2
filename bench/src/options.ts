import { parseArgs } from 'node:util';
import { parseInteger } from '@orderstream/config';

const MIN_RECORDS = 10_000;

/** The number of records of `npm run bench`. @throws TypeError */
export function parseRecords(args: readonly string[]): number {
  const { values } = parseArgs({ args: [...args], options: { records: { type: 'string', default: '300000' } } });
  const records = parseInteger(values.records, { min: MIN_RECORDS });
  if (records === undefined) throw new TypeError(`--records: expected an integer of at least ${MIN_RECORDS}`);
  return records;
}
