import type { OutputRecord } from '@orderstream/kafka';
import { RecordedTracing } from '../../../../test/support/recorded-tracing';
import { TracedSender } from './traced-sender';

const traceparent = (trace: string): string => `00-${trace.repeat(32)}-00f067aa0ba902b7-00`;
const record = (topic: string, trace: string): OutputRecord => ({
  topic,
  partition: 1,
  key: null,
  value: Buffer.from('{}'),
  headers: { ce_id: trace, traceparent: traceparent(trace), 'simulation-id': '1' },
});

describe('the traced sender', () => {
  it('marks the sampled records and sends all of them, otherwise unchanged', async () => {
    const tracing = new RecordedTracing((traceId) => traceId.startsWith('a'));
    const sent: OutputRecord[] = [];
    const send = (records: readonly OutputRecord[]) => {
      sent.push(...records);
      return Promise.resolve([]);
    };
    const records = [record('orders', 'a'), record('orders', 'b'), record('customers', 'c')];
    await new TracedSender({ send }, tracing).send(records);
    const [first, ...others] = records;
    const sampled = traceparent('a').replace(/00$/, '01');
    expect(sent).toEqual([{ ...first, headers: { ...first?.headers, traceparent: sampled } }, ...others]);
    expect(Object.keys(sent[0]?.headers ?? {})).toEqual(['ce_id', 'traceparent', 'simulation-id']);
    expect(tracing.batches).toMatchObject([
      { operation: { destination: 'orders' }, records: [sent[0], sent[1]], ended: true },
      { operation: { destination: 'customers' }, records: [sent[2]], ended: true },
    ]);
  });

  it('rejects as the sender does', async () => {
    const tracing = new RecordedTracing();
    const failure = new Error('no broker');
    const send = () => Promise.reject(failure);
    await expect(new TracedSender({ send }, tracing).send([record('orders', 'a')])).rejects.toBe(failure);
    expect(tracing.batches).toMatchObject([{ error: failure, ended: false }]);
  });
});
