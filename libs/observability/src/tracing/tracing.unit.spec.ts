import { hash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { SpanKind } from '@opentelemetry/api';
import { ExportResultCode } from '@opentelemetry/core';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import { METRIC } from '../metric-names';
import { Metrics } from '../metrics';
import { traceContextOf, traceparentOf } from '../traceparent';
import { MAX_TRACED_RECORDS, OtlpTracing } from './otlp-tracing';
import type { SamplerSettings } from './record-sampler';
import { startTracing } from './start-tracing';
import { type BatchOperation, NO_TRACING, type TracedRecord } from './tracing';

const OPERATION: BatchOperation = {
  name: 'receive',
  type: 'receive',
  system: 'kafka',
  destination: 'orders',
  consumerGroup: 'validator-orders',
  records: 'process',
};
const traceIdAt = (n: number): string => n.toString(16).padStart(32, '0');
const PARENT = '00f067aa0ba902b7';
const recordAt = (offset: number, sampled = true): TracedRecord => ({
  topic: 'orders',
  partition: 3,
  offset,
  headers: { traceparent: Buffer.from(traceparentOf({ traceId: traceIdAt(offset + 1), spanId: PARENT, sampled })) },
});

class Exported implements SpanExporter {
  readonly spans: ReadableSpan[] = [];
  readonly export: SpanExporter['export'] = (spans, done) => {
    this.spans.push(...spans);
    done({ code: ExportResultCode.SUCCESS });
  };
  shutdown = (): Promise<void> => Promise.resolve();
}

const warnings: unknown[] = [];
const logger = { warn: (...args: unknown[]) => warnings.push(args) };
const SAMPLER: SamplerSettings = { name: 'parentbased_traceidratio', ratio: 0 };

function tracingTo(exporter: SpanExporter, sampler = SAMPLER): { tracing: OtlpTracing; metrics: Metrics } {
  const metrics = new Metrics({ app: 'validator', processMetrics: false });
  const endpoint = 'http://127.0.0.1:1';
  return {
    metrics,
    tracing: new OtlpTracing({ endpoint, serviceName: 'validator', sampler, logger, metrics, exporter }),
  };
}

const countOf = async (metrics: Metrics, outcome: string): Promise<number> => {
  const { values } = await metrics.counter(METRIC.traceSpans).get();
  return values.find(({ labels }) => labels.outcome === outcome)?.value ?? 0;
};

beforeEach(() => {
  warnings.length = 0;
});

describe('spans of a batch', () => {
  it('are one for the batch with its steps, linked to its sampled records, and one for each of them in its own trace', async () => {
    const exported = new Exported();
    const { tracing } = tracingTo(exported);
    const trace = tracing.begin(OPERATION, [recordAt(7), recordAt(8, false), recordAt(9)]);
    const startedMs = performance.now() - 25;
    trace?.step('evaluate', startedMs);
    trace?.settle(({ offset }) => (offset === 7 ? { outcome: 'accepted' } : undefined));
    trace?.settle(() => ({ outcome: 'dead_lettered', reason: 'time.in_future' }));
    trace?.end();
    await tracing.shutdown();

    const [evaluate, first, second, batch] = exported.spans;
    expect(exported.spans).toHaveLength(4);
    expect(batch).toMatchObject({
      name: 'receive orders',
      kind: SpanKind.CLIENT,
      parentSpanContext: undefined,
      attributes: {
        'messaging.system': 'kafka',
        'messaging.operation.name': 'receive',
        'messaging.operation.type': 'receive',
        'messaging.destination.name': 'orders',
        'messaging.destination.partition.id': '3',
        'messaging.consumer.group.name': 'validator-orders',
        'messaging.batch.message_count': 3,
      },
      links: [
        { context: { traceId: traceIdAt(8), spanId: PARENT }, attributes: { 'messaging.kafka.offset': 7 } },
        { context: { traceId: traceIdAt(10), spanId: PARENT }, attributes: { 'messaging.kafka.offset': 9 } },
      ],
      resource: { attributes: { 'service.name': 'validator', 'service.namespace': 'orderstream' } },
    });
    expect(evaluate).toMatchObject({
      name: 'evaluate orders',
      parentSpanContext: { spanId: batch?.spanContext().spanId },
    });
    const [seconds = 0, nanos = 0] = evaluate?.duration ?? [];
    expect(seconds * 1_000 + nanos / 1e6).toBeGreaterThanOrEqual(24);
    expect(first).toMatchObject({
      name: 'process orders',
      kind: SpanKind.CONSUMER,
      parentSpanContext: { traceId: traceIdAt(8), spanId: PARENT, isRemote: true },
      attributes: {
        'messaging.operation.type': 'process',
        'messaging.destination.partition.id': '3',
        'messaging.kafka.offset': 7,
        'orderstream.outcome': 'accepted',
      },
      links: [{ context: { spanId: batch?.spanContext().spanId } }],
    });
    expect(first?.spanContext().traceId).toBe(traceIdAt(8));
    expect(first?.attributes).not.toHaveProperty('orderstream.reason');
    expect(second?.attributes).toMatchObject({
      'messaging.kafka.offset': 9,
      'orderstream.outcome': 'dead_lettered',
      'orderstream.reason': 'time.in_future',
    });
  });

  it('of records that are created here are the spans that their traceparent names', async () => {
    const exported = new Exported();
    const { tracing } = tracingTo(exported);
    const trace = tracing.begin({ ...OPERATION, name: 'send', type: 'send', records: 'create' }, [recordAt(7)]);
    trace?.settle(() => ({ outcome: 'acked' }));
    trace?.end();
    const another = tracing.begin(OPERATION, [recordAt(7)]);
    another?.end();
    await tracing.shutdown();
    const [created, , receive] = exported.spans;
    expect(created).toMatchObject({ name: 'create orders', kind: SpanKind.PRODUCER, parentSpanContext: undefined });
    expect(created?.spanContext()).toMatchObject({ traceId: traceIdAt(8), spanId: PARENT });
    expect(receive?.spanContext().traceId).not.toBe(traceIdAt(8));
  });

  it('say with which code they failed, and nothing else of the error', async () => {
    const exported = new Exported();
    const { tracing } = tracingTo(exported);
    const failure = Object.assign(new Error('the order of Ann Smith'), { code: 'TRANSACTION_FAILED' });
    tracing.begin(OPERATION, [recordAt(7)])?.fail(failure);
    await tracing.shutdown();
    const spans = exported.spans.map(({ name, status, attributes, events }) => ({ name, status, attributes, events }));
    expect(spans).toMatchObject([
      { name: 'process orders', status: { code: 2 }, attributes: { 'error.type': 'TRANSACTION_FAILED' } },
      { name: 'receive orders', status: { code: 2 }, attributes: { 'error.type': 'TRANSACTION_FAILED' } },
    ]);
    expect(JSON.stringify(spans)).not.toContain('Ann');
  });

  it('are not begun when no record is sampled or has a valid traceparent', async () => {
    const exported = new Exported();
    const { tracing } = tracingTo(exported);
    const headers = { traceparent: 'nonsense' };
    expect(tracing.begin(OPERATION, [recordAt(1, false), { ...recordAt(2), headers }])).toBeUndefined();
    await tracing.shutdown();
    expect(exported.spans).toEqual([]);
  });

  it('are of a bounded number of records', async () => {
    const exported = new Exported();
    const { tracing } = tracingTo(exported);
    const trace = tracing.begin(
      OPERATION,
      Array.from({ length: 2_000 }, (_, offset) => recordAt(offset)),
    );
    trace?.settle(() => ({ outcome: 'accepted' }));
    trace?.end();
    await tracing.shutdown();
    expect(exported.spans).toHaveLength(MAX_TRACED_RECORDS + 1);
    expect(exported.spans.at(-1)?.links).toHaveLength(MAX_TRACED_RECORDS);
    expect(exported.spans.at(-1)?.attributes).toMatchObject({ 'messaging.batch.message_count': 2_000 });
  });
});

describe('samplers', () => {
  const share = (sampler: SamplerSettings): number => {
    const { tracing } = tracingTo(new Exported(), sampler);
    const ids = Array.from({ length: 1_000 }, (_, n) => hash('sha256', String(n)).slice(0, 32));
    return ids.filter((id) => tracing.samples(id)).length / ids.length;
  };
  const takes = (sampler: SamplerSettings, sampled: boolean): boolean =>
    tracingTo(new Exported(), sampler).tracing.begin(OPERATION, [recordAt(0, sampled)]) !== undefined;

  it.each([
    // Of new traces; of a record that is sampled; of one that is not.
    ['parentbased_always_on', 1, true, false],
    ['parentbased_always_off', 0, true, false],
    ['always_on', 1, true, true],
    ['always_off', 0, false, false],
  ] as const)('%s', (name, ofNew, ofSampled, ofOther) => {
    const sampler = { name, ratio: 0.5 };
    expect([share(sampler), takes(sampler, true), takes(sampler, false)]).toEqual([ofNew, ofSampled, ofOther]);
  });

  it.each([0, 0.25, 1])('take the share %d of new traces, and follow the producer of a record', (ratio) => {
    const sampler = { name: 'parentbased_traceidratio', ratio } as const;
    expect(share({ name: 'traceidratio', ratio })).toBe(share(sampler));
    expect(Math.abs(share(sampler) - ratio)).toBeLessThan(ratio % 1 === 0 ? 1e-9 : 0.1);
    expect([takes(sampler, true), takes(sampler, false)]).toEqual([true, false]);
  });
});

describe('the export', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  async function endpoint(respond: (requests: string[], url: string, end: (status: number) => void) => void) {
    const requests: string[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        requests.push(body);
        respond(requests, request.url ?? '', (status) => response.writeHead(status).end('{}'));
      });
    });
    servers.push(server);
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return { requests, url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}` };
  }
  async function started(url: string | undefined) {
    const metrics = new Metrics({ app: 'validator', processMetrics: false });
    const tracing = await startTracing({ endpoint: url, serviceName: 'validator', sampler: SAMPLER, logger, metrics });
    return { tracing, metrics };
  }

  it('sends OTLP in JSON to /v1/traces, and counts', async () => {
    const urls: string[] = [];
    const { url, requests } = await endpoint((_, path, end) => {
      urls.push(path);
      end(200);
    });
    const { tracing, metrics } = await started(`${url}/`);
    tracing.begin(OPERATION, [recordAt(7)])?.end();
    await tracing.shutdown();
    expect(urls).toEqual(['/v1/traces']);
    expect(JSON.parse(requests[0] ?? '')).toMatchObject({
      resourceSpans: [{ scopeSpans: [{ spans: [{ name: 'receive orders' }] }] }],
    });
    expect(await countOf(metrics, 'exported')).toBe(1);
  });

  it('counts what the endpoint rejects, and warns once', async () => {
    const { url } = await endpoint((_, _path, end) => {
      end(500);
    });
    const { tracing, metrics } = await started(url);
    tracing.begin(OPERATION, [recordAt(1)])?.end();
    await delay(1_200);
    tracing.begin(OPERATION, [recordAt(2)])?.end();
    await tracing.shutdown();
    expect([await countOf(metrics, 'failed'), await countOf(metrics, 'exported')]).toEqual([2, 0]);
    expect(warnings).toHaveLength(1);
  });

  it('does not hold up a stop, and its queue is bounded, when the endpoint never answers', async () => {
    const unanswered: ((status: number) => void)[] = [];
    const { url } = await endpoint((_, _path, end) => unanswered.push(end));
    const { tracing, metrics } = await started(url);
    for (let batch = 0; batch < 6_000; batch++) tracing.begin(OPERATION, [recordAt(batch)])?.end();
    expect(await countOf(metrics, 'dropped')).toBe(6_000 - 4_096);
    const startedMs = performance.now();
    await tracing.shutdown();
    expect(performance.now() - startedMs).toBeLessThan(1_500);
    // The exporter does not repeat a bad request.
    for (const end of unanswered) end(400);
  });

  it('traces nothing without an endpoint', async () => {
    expect((await started(undefined)).tracing).toBe(NO_TRACING);
  });
});

describe('the context of a traceparent', () => {
  it.each([
    ['01', true],
    ['00', false],
    ['03', true],
    ['02', false],
  ])('of flags %s', (flags, sampled) => {
    const headers = { traceparent: `00-${traceIdAt(1)}-${PARENT}-${flags}` };
    expect(traceContextOf(headers)).toEqual({ traceId: traceIdAt(1), spanId: PARENT, sampled });
  });
});
