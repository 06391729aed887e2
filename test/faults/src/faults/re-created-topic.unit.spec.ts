import { PARTITIONS, rawTopic } from '@orderstream/contracts';
import { Rng } from '@orderstream/random';

import { type Partitions } from './partitions';
import { notStopped, type PositionReport, problemsOf, recordsBeyond } from './re-created-topic';

const TOPIC = rawTopic('customers');
const partitions = (state: string, error?: string): Partitions[number][] =>
  Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: TOPIC, partition, state, error }));
const other = (state: string): Partitions[number] => ({
  topic: rawTopic('orders'),
  partition: 2,
  state,
  error: 'broken',
});

describe('a topic has stopped', () => {
  const stopped = partitions('stopped', 'has another id: run set-position');

  it('when all its partitions have, with every text, and no others', () => {
    expect(notStopped([...stopped, other('running')], ['another id', 'set-position'])).toBeUndefined();
  });

  it.each([
    ['a partition is missing', stopped.slice(1), '5 partitions of'],
    ['a partition runs', [...stopped.slice(1), ...partitions('running').slice(0, 1)], `${TOPIC}/0 running`],
    ['a text is missing', partitions('stopped', 'has another id'), `${TOPIC}/0 stopped: has another id`],
    ['another topic has stopped', [...stopped, other('stopped')], 'orders.raw.v1/2 has stopped too: broken'],
  ])('not when %s', (_name, found, problem) => {
    expect(notStopped(found, ['another id', 'set-position'])).toContain(problem);
  });
});

describe('the reports of set-position', () => {
  const report = (partition: number): PositionReport => ({
    partition,
    position: 0,
    passedOver: 0,
    otherLog: 'other id',
  });
  const good = Array.from({ length: PARTITIONS }, (_, partition) => report(partition));

  it('have no problem when every partition begins another log', () => {
    expect(problemsOf(good)).toEqual([]);
  });

  it.each([
    ['another offset', { position: 7 }, 'moved partition 0 to 7'],
    ['records that were passed over', { passedOver: 3 }, 'passed over 3 records of partition 0'],
    ['the same log', { otherLog: null }, 'not seen that partition 0 has another log'],
  ])('have one with %s', (_name, change, problem) => {
    expect(problemsOf([{ ...report(0), ...change }, ...good.slice(1)])).toEqual([expect.stringContaining(problem)]);
  });

  it('have one without all partitions', () => {
    expect(problemsOf(good.slice(1))).toEqual(['set-position has reported 5 partitions']);
  });
});

it('records of a new log are as many as each partition wants, or more', () => {
  const wanted = [3, 0, 1, 2, 0, 4];
  const records = recordsBeyond(wanted, Rng.seeded(3));
  const counts = wanted.map((_, partition) => records.filter(({ record }) => record.partition === partition).length);
  expect(counts.every((count, partition) => count >= (wanted[partition] ?? 0))).toBe(true);
  expect(new Set(records.map(({ record }) => String(record.key))).size).toBe(records.length);
});
