import fc from 'fast-check';
import { createLogger, Health, METRIC, Metrics, newTraceparent, traceIdOf } from './index';

describe('metric names', () => {
  const all = Object.values(METRIC);

  it('are unique, have the prefix of the system, and end in _total for counters only', () => {
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    for (const { name, type } of all) {
      expect(name).toMatch(/^orderstream_[a-z_]+$/);
      expect(name.endsWith('_total')).toBe(type === 'counter');
    }
  });

  it('have ascending buckets, a sentence of help, and no label that the registry sets', () => {
    for (const metric of all) {
      expect(metric.help).toMatch(/^[A-Z0-9].*\.$/);
      expect(metric.labels).not.toContain('app');
      const buckets: readonly number[] = 'buckets' in metric ? metric.buckets : [];
      expect(buckets).toEqual([...new Set(buckets)].sort((a, b) => a - b));
      expect(buckets.length > 0).toBe(metric.type === 'histogram');
    }
  });
});

describe('Metrics', () => {
  it('returns the same metric for the same name, with the service as the label app', async () => {
    const metrics = new Metrics({ app: 'probe', processMetrics: false });
    metrics.counter(METRIC.records).inc({ family: 'orders', outcome: 'accepted' }, 2);
    metrics.counter(METRIC.records).inc({ family: 'orders', outcome: 'accepted' });
    metrics.histogram(METRIC.freshness).observe({ family: 'orders' }, 0.2);
    const text = await metrics.registry.metrics();
    expect(text).toContain('orderstream_records_total{family="orders",outcome="accepted",app="probe"} 3');
    expect(text).toContain('orderstream_freshness_seconds_count{app="probe",family="orders"} 1');
  });

  it('updates a gauge when it is scraped', async () => {
    const metrics = new Metrics({ app: 'probe', processMetrics: false });
    let lag = 1;
    metrics.gauge(METRIC.consumerLagRecords, (gauge) => {
      gauge.set({ topic: 't', partition: '0' }, lag);
    });
    lag = 7;
    expect(await metrics.registry.metrics()).toContain('{topic="t",partition="0",app="probe"} 7');
  });

  it('has the metrics of the process', async () => {
    expect(await new Metrics({ app: 'probe' }).registry.metrics()).toContain(
      'process_resident_memory_bytes{app="probe"}',
    );
  });
});

describe('Health', () => {
  it('is ok while every check is ok, and reports each check', () => {
    const health = new Health();
    expect(health.liveness()).toEqual({ ok: true, checks: {} });
    let ok = true;
    health.live('consumer', () => ({ ok, detail: 'group' }));
    health.ready('partitions', () => ({ ok: false }));
    expect(health.liveness()).toEqual({ ok: true, checks: { consumer: { ok: true, detail: 'group' } } });
    expect(health.readiness().ok).toBe(false);
    ok = false;
    expect(health.liveness().ok).toBe(false);
  });

  it('counts a check that throws as failed', () => {
    const health = new Health();
    health.live('consumer', () => {
      throw new Error('gone');
    });
    expect(health.liveness()).toMatchObject({
      ok: false,
      checks: { consumer: { detail: expect.stringContaining('gone') } },
    });
  });
});

describe('traceparent', () => {
  const hex = (length: number): fc.Arbitrary<string> => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));

  it('reads the trace id of a new traceparent, with any source of randomness', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })), (stream) => {
        const made = newTraceparent(() => Number(stream.next().value));
        expect(traceIdOf({ traceparent: Buffer.from(made) })).toBe(made.slice(3, 35));
      }),
    );
    expect(newTraceparent()).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(newTraceparent()).not.toBe(newTraceparent());
  });

  // Trace Context, W3C Recommendation, 3.2.2: an invalid header is ignored; of later versions, the known fields are read.
  it.each([
    ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', '4bf92f3577b34da6a3ce929d0e0e4736'],
    [
      'cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-holds',
      '4bf92f3577b34da6a3ce929d0e0e4736',
    ],
    ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra', undefined],
    ['00-00000000000000000000000000000000-00f067aa0ba902b7-01', undefined],
    ['00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01', undefined],
    ['ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', undefined],
    ['00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01', undefined],
    ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7', undefined],
    ['', undefined],
  ])('reads of %j the trace id %s', (header, traceId) => {
    expect(traceIdOf({ traceparent: header })).toBe(traceId);
  });

  it('ignores a header that is absent, repeated or arbitrary bytes, and reads every valid one', () => {
    expect(traceIdOf({})).toBeUndefined();
    expect(traceIdOf({ traceparent: ['00', '01'] })).toBeUndefined();
    expect(traceIdOf({ traceparent: null } as never)).toBeUndefined();
    fc.assert(fc.property(fc.uint8Array(), (bytes) => traceIdOf({ traceparent: Buffer.from(bytes) }) === undefined));
    fc.assert(
      fc.property(hex(32), hex(16), (trace, span) => {
        fc.pre(!/^0+$/.test(trace) && !/^0+$/.test(span));
        expect(traceIdOf({ traceparent: `00-${trace}-${span}-00` })).toBe(trace);
      }),
    );
  });
});

describe('the logger', () => {
  const linesOf = (write: (logger: ReturnType<typeof createLogger>) => void): Record<string, unknown>[] => {
    const lines: Record<string, unknown>[] = [];
    const destination = { write: (text: string) => lines.push(JSON.parse(text) as Record<string, unknown>) };
    write(createLogger({ service: 'probe', level: 'info', destination }));
    return lines;
  };

  it('writes JSON lines with time, level, service and trace id', () => {
    const [line, ...others] = linesOf((logger) => {
      logger.child({ trace_id: 'abc' }).info({ topic: 't' }, 'written');
      logger.debug('below the level');
    });
    expect(line).toMatchObject({ level: 'info', service: 'probe', trace_id: 'abc', topic: 't', msg: 'written' });
    expect(line?.time).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
    expect(others).toEqual([]);
  });

  it('writes the code and the causes of an error', () => {
    const cause = new Error('socket closed');
    const [line] = linesOf((logger) => {
      logger.error({ err: Object.assign(new Error('append failed', { cause }), { code: 'APPEND_FAILED' }) }, 'x');
    });
    expect(line).toMatchObject({
      err: { code: 'APPEND_FAILED', message: 'append failed', cause: { message: 'socket closed' } },
    });
  });

  it('redacts secrets at the top and up to two levels below', () => {
    const lines = linesOf((logger) => {
      logger.info({ token: 'hush', settings: { adminTokens: ['hush'], kafka: { saslPassword: 'hush' } } }, 'first');
      logger.info({ request: { headers: { authorization: 'Bearer hush' } } }, 'second');
      logger.info({ env: { KAFKA_SASL_PASSWORD: 'hush', ADMIN_TOKENS: 'hush' } }, 'third');
    });
    expect(lines.map(({ msg }) => msg)).toEqual(['first', 'second', 'third']);
    expect(JSON.stringify(lines)).not.toContain('hush');
  });
});
