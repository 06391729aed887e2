import { RecordLog } from '@orderstream/observability';

const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
const record = (offset: number) => ({
  topic: 'orders',
  partition: 3,
  offset,
  headers: { traceparent: Buffer.from(`00-${trace}-00f067aa0ba902b7-01`) },
});

describe('RecordLog', () => {
  it('writes the coordinates and trace id of a record, limits the lines per second, and counts the omitted ones', () => {
    const lines: object[] = [];
    let now = 0;
    const log = new RecordLog({ info: (line: object) => void lines.push(line) }, 2, () => now);
    for (let offset = 0; offset < 5; offset++)
      log.info(record(offset), { reason: 'structure.too_large' }, 'dead-lettered');
    expect(lines).toEqual([
      { trace_id: trace, topic: 'orders', partition: 3, offset: 0, reason: 'structure.too_large', left_out: undefined },
      { trace_id: trace, topic: 'orders', partition: 3, offset: 1, reason: 'structure.too_large', left_out: undefined },
    ]);
    now = 999;
    log.info(record(5), {}, 'dead-lettered');
    now = 1_000;
    log.info({ ...record(6), headers: {} }, {}, 'dead-lettered');
    expect(lines.slice(2)).toEqual([{ trace_id: undefined, topic: 'orders', partition: 3, offset: 6, left_out: 4 }]);
  });
});
