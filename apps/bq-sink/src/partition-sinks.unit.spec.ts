import { retry, stop } from '@orderstream/kafka';

import { type Script, ScriptedSink } from '../test/scripted-sink';
import { PARTITION, recordAt } from '../test/simulated-world';
import { PartitionSinks } from './partition-sinks';

const { signal } = new AbortController();
const batch = (offset: number) => ({ ...PARTITION, records: [recordAt(offset)], nextOffset: offset + 1 });
const cause = new Error('no such stream');

/** The sinks of an instance whose partition is read up to its end, 10. */
function idleAt10(script: Script, end: number | 'unread' = 10) {
  const created: ScriptedSink[] = [];
  const sinks = new PartitionSinks(
    () => {
      const scripted = new ScriptedSink(script);
      created.push(scripted);
      return scripted.sink;
    },
    (_, error) => (error === cause ? stop(cause) : retry(0, error)),
    () => Promise.resolve(end === 'unread' ? undefined : end),
  );
  return { sinks, created };
}

const committed = (offset: number) => ({ committed: { offset, metadata: '{"v":2}' } });

describe('a partition without anything to read', () => {
  it('is open without a sink, and gets one before its first record is taken', async () => {
    const { sinks, created } = idleAt10(committed(10));
    expect(await sinks.open(PARTITION, signal)).toBe(10);
    expect([created.length, sinks.isIdle(PARTITION), sinks.recovering()]).toEqual([0, true, []]);
    expect(await sinks.take(PARTITION, batch(10), signal)).toEqual({ kind: 'ack' });
    expect([created.length, sinks.isIdle(PARTITION)]).toEqual([1, false]);
    // `create` and the assignment of a stream: the record was taken.
    expect(created[0]?.calls.slice(0, 3)).toEqual(['create', 'connect s1', 'commit 10, s1']);
    await sinks.close(PARTITION);
  });

  it('is open with a sink if something is left to read', async () => {
    const { sinks, created } = idleAt10(committed(7), 'unread');
    expect(await sinks.open(PARTITION, signal)).toBe(7);
    expect(created).toHaveLength(1);
    await sinks.close(PARTITION);
  });

  it('opens again if its position was moved back: records before the first one were not handed over', async () => {
    const { sinks } = idleAt10(committed(8));
    await sinks.open(PARTITION, signal);
    expect(await sinks.take(PARTITION, batch(10), signal)).toMatchObject({
      kind: 'retry',
      cause: expect.objectContaining({ message: expect.stringContaining('moved back to 8') as string }) as Error,
    });
    await sinks.close(PARTITION);
  });

  it('takes nothing that the former owner has committed meanwhile', async () => {
    const { sinks, created } = idleAt10(committed(12));
    await sinks.open(PARTITION, signal);
    expect(await sinks.take(PARTITION, batch(10), signal)).toEqual({ kind: 'ack' });
    expect(created[0]?.calls).toEqual([]);
    await sinks.close(PARTITION);
  });

  it('has the outcome of a failed opening, and is not idle afterwards', async () => {
    const { sinks } = idleAt10({ ...committed(10), beforeOpen: () => Promise.reject(cause) });
    await sinks.open(PARTITION, signal);
    expect(await sinks.take(PARTITION, batch(10), signal)).toEqual(stop(cause));
    expect(sinks.isIdle(PARTITION)).toBe(false);
    await sinks.close(PARTITION);
  });

  it('drains and closes without a sink', async () => {
    const { sinks, created } = idleAt10(committed(10));
    await sinks.open(PARTITION, signal);
    await sinks.drain(PARTITION, signal);
    await sinks.close(PARTITION);
    expect([created.length, sinks.isIdle(PARTITION)]).toEqual([0, false]);
  });
});
