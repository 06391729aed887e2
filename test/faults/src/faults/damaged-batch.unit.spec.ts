import { UNREADABLE_BATCH } from '@orderstream/contracts';
import { type DeadLetter } from '@orderstream/dead-letters';
import { Rng } from '@orderstream/random';

import { notStoppedAt, problemsOfLetters, problemsOfReport, recordsOfOnePartition } from './damaged-batch';
import { type Partitions } from './partitions';

const TOPIC = 'marketplace.orders.raw.v1';
const PLACE = { topic: TOPIC, partition: 3, app: 'validator', family: 'orders', firstOffset: 100 } as const;
const COMMAND = '`npm run set-position -- validator --family orders --partition 3 --to next-batch`';
const ERROR =
  `The record batch at ${TOPIC}/3@100 (offsets 100 to 139, 40 records, 9000 bytes, no compression) cannot be decoded: its ` +
  `CRC-32C differs from its bytes, which were damaged. Run ${COMMAND}, then \`POST /admin/resume\`; resume alone changes nothing.`;

describe('a partition has stopped at a damaged batch', () => {
  const partitions = (state: string, error?: string): Partitions => [
    { topic: TOPIC, partition: 2, state: 'running', error: undefined },
    { topic: TOPIC, partition: 3, state, error },
  ];

  it('when its message names the batch, the damage and the command', () => {
    expect(notStoppedAt(partitions('stopped', ERROR), PLACE)).toBeUndefined();
  });

  it.each([
    ['it runs', partitions('running', ERROR), `${TOPIC}/3 running`],
    ['it is not assigned', partitions('stopped', ERROR).slice(0, 1), 'is not assigned'],
    ['it names another batch', partitions('stopped', ERROR.replace('@100', '@101')), '@101'],
    ['it names another count', partitions('stopped', ERROR.replace('40 records', '4 records')), '4 records'],
    ['it names another cause', partitions('stopped', ERROR.replace('CRC-32C', 'codec')), 'its codec'],
    ['it names another command', partitions('stopped', ERROR.replace('--partition 3', '--partition 2')), 'partition 2'],
  ])('not when %s', (_name, found, problem) => {
    expect(notStoppedAt(found, PLACE)).toContain(problem);
  });
});

describe('the report of set-position --to next-batch', () => {
  const good = { position: 140, firstOffset: 100, lastOffset: 139, records: 40 };

  it('has no problem when the batch, and nothing else, is skipped', () => {
    expect(problemsOfReport(good, PLACE)).toEqual([]);
  });

  it.each([
    ['position', 141],
    ['firstOffset', 99],
    ['lastOffset', undefined],
    ['records', 41],
  ])('has one with another %s', (name, value) => {
    expect(problemsOfReport({ ...good, [name]: value }, PLACE)).toEqual([expect.stringContaining(`reports ${name} `)]);
  });
});

describe('the dead letters of a damaged batch', () => {
  const damaged = Buffer.from('damaged batch');
  const letter: Pick<DeadLetter, 'reason' | 'source' | 'batch' | 'cut' | 'value'> = {
    reason: UNREADABLE_BATCH,
    source: { topic: TOPIC, partition: 3, offset: 100, timestamp: new Date(0) },
    batch: { firstOffset: 100, lastOffset: 139, records: 40, baseOffset: 100, bytes: damaged.length },
    cut: undefined,
    value: damaged,
  };

  it('have no problem with one that has its place, count and bytes', () => {
    expect(problemsOfLetters([letter], PLACE, damaged)).toEqual([]);
  });

  it.each([
    ['none', [], '0 dead letters'],
    ['two', [letter, letter], '2 dead letters'],
    ['another reason', [{ ...letter, reason: 'structure.too_large' }], 'the reason structure.too_large'],
    ['another place', [{ ...letter, source: { ...letter.source, offset: 101 } }], '3@101'],
    ['another partition', [{ ...letter, source: { ...letter.source, partition: 1 } }], '/1@100'],
    [
      'another count',
      [{ ...letter, batch: { ...letter.batch, records: 1 } as DeadLetter['batch'] }],
      'records 1, not 40',
    ],
    ['the bytes without the damage', [{ ...letter, value: Buffer.from('good') }], 'other bytes'],
    ['bytes that were cut', [{ ...letter, cut: { value: 99 } }], 'other bytes'],
  ])('have one with %s', (_name, letters, problem) => {
    expect(problemsOfLetters(letters, PLACE, damaged)).toEqual([expect.stringContaining(problem)]);
  });
});

it.each(['orders', 'interactions', 'customers'] as const)(
  'records of %s for one batch are of one partition',
  (family) => {
    const records = recordsOfOnePartition(family, 40, Rng.seeded(3)).map(({ record }) => record);
    expect(records).toHaveLength(40);
    expect(new Set(records.map(({ partition }) => partition)).size).toBe(1);
    expect(new Set(records.map(({ value }) => String(value))).size).toBe(40);
  },
);
