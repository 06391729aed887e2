import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { queryFresh } from '@orderstream/bigquery';
import { rawTopic, validatedTopic } from '@orderstream/contracts';
import { waitUntil } from '@orderstream/deadlines';
import { createKafka } from '@orderstream/kafka';
import { type Kafka } from 'kafkajs';
import { foreignOrder, produceOrder, warehouse } from '../support/foreign-order';
import { type CollectedSpan, OtlpCollector } from '../support/otlp-collector';
import { StackCommand, type StackFile } from '../support/running-stack';

jest.setTimeout(300_000);

const ARRIVAL_DEADLINE_MS = 90_000;
const RAW = rawTopic('orders');
const VALIDATED = validatedTopic('orders');
/** What an order's trace has in each service that it passes: the record's span. */
const RECORD_SPANS = [
  ['validator', `process ${RAW}`, 'accepted'],
  ['bq-sink', `process ${VALIDATED}`, 'appended'],
  ['pubsub-bridge', `process ${VALIDATED}`, 'published'],
];

describe('tracing of the local stack', () => {
  let home: string;
  let collector: OtlpCollector;
  let command: StackCommand;
  let stack: StackFile;
  let kafka: Kafka;

  beforeAll(async () => {
    const local = join(__dirname, '..', '..', '.local');
    mkdirSync(local, { recursive: true });
    home = mkdtempSync(join(local, 'e2e-'));
    collector = await OtlpCollector.start();
    command = new StackCommand('main.js', ['--rate', '10', '--defect-rate', '0', '--history', '0'], home, {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '1',
    });
    stack = await command.waitUntilRunning();
    kafka = createKafka({ brokers: stack.kafka.brokers, clientId: 'traced-shop' });
    await tracedBy('order-generator', `create ${RAW}`);
  });
  afterAll(async () => {
    command.signal('SIGTERM');
    command.signal('SIGTERM');
    await command.ended;
    collector.stop();
    rmSync(home, { recursive: true, force: true });
  });

  const spansOf = (traceId: string): CollectedSpan[] => collector.spans.filter((span) => span.traceId === traceId);
  const tracedBy = (service: string, name: string): Promise<CollectedSpan> =>
    waitUntil(() => collector.spans.find((span) => span.service === service && span.name === name), {
      what: `a span ${name} of ${service}`,
      deadlineMs: ARRIVAL_DEADLINE_MS,
    });

  /** Sends an order with this traceparent, and waits for it in both tables. */
  async function orderWith(flags: string): Promise<{ traceId: string; spanId: string; rows: unknown[] }> {
    const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
    const { key, order, headers } = await foreignOrder(kafka);
    const traceparent = `00-${traceId}-${spanId}-${flags}`;
    await produceOrder(kafka, key, JSON.stringify(order), { ...headers, traceparent });
    const { dataset } = stack.bigquery;
    const rows: unknown[] = [];
    for (const query of [
      `SELECT trace_id FROM ${dataset}.order_events WHERE event_id = @id`,
      // A subscription delivers at least once. It writes the attributes of the message.
      `SELECT DISTINCT JSON_VALUE(attributes, '$.traceparent') AS traceparent FROM ${dataset}.streaming_orders WHERE event_id = @id`,
    ]) {
      const found = await waitUntil(
        async () => {
          const result = await queryFresh(warehouse(stack), query, { id: order.event_id });
          return result.length > 0 && result;
        },
        { what: `a row of the order: ${query}`, deadlineMs: ARRIVAL_DEADLINE_MS },
      );
      rows.push(...found);
    }
    expect(rows).toEqual([{ trace_id: traceId }, { traceparent }]);
    return { traceId, spanId, rows };
  }

  /** The spans of a record have arrived from all services, each with the batch that it was in. */
  async function completeTrace(traceId: string, spanId: string): Promise<void> {
    const found = await waitUntil(
      () => {
        // The events of a session share a trace.
        const ofRecord = spansOf(traceId).filter(({ parentSpanId }) => parentSpanId === spanId);
        const services = new Set(ofRecord.map(({ service }) => service));
        return RECORD_SPANS.every(([service = '']) => services.has(service)) && ofRecord;
      },
      { what: 'the spans of all services', deadlineMs: ARRIVAL_DEADLINE_MS },
    );
    for (const [service, name, outcome] of RECORD_SPANS) {
      const span = found.find((one) => one.service === service);
      expect(span).toMatchObject({
        name,
        parentSpanId: spanId,
        attributes: { 'messaging.system': 'kafka', 'orderstream.outcome': outcome },
      });
      expect(Number(span?.attributes['messaging.kafka.offset'])).toBeGreaterThanOrEqual(0);
      const batch = await waitUntil(() => collector.spans.find((one) => one.spanId === span?.links[0]?.spanId), {
        what: `the batch of ${name} in ${service ?? ''}`,
        deadlineMs: ARRIVAL_DEADLINE_MS,
      });
      expect(batch.service).toBe(service);
      expect(batch.traceId).not.toBe(traceId);
      expect(batch.links).toContainEqual(expect.objectContaining({ traceId, spanId }));
      expect(Number(batch.attributes['messaging.batch.message_count'])).toBeGreaterThan(0);
    }
  }

  it('follows an order of another producer through every service into both tables', async () => {
    const { traceId, spanId } = await orderWith('01');
    await completeTrace(traceId, spanId);
    expect(spansOf(traceId)).toHaveLength(RECORD_SPANS.length);
    const names = new Set(collector.spans.map(({ name, service }) => `${service}: ${name}`));
    expect([...names]).toEqual(
      expect.arrayContaining([
        `order-generator: send ${RAW}`,
        `validator: receive ${RAW}`,
        `validator: evaluate ${RAW}`,
        `validator: commit ${RAW}`,
        `bq-sink: append ${VALIDATED}`,
        'pubsub-bridge: publish orders-topic',
      ]),
    );
    const publish = collector.spans.find(({ name }) => name === 'publish orders-topic');
    expect(publish?.attributes).toMatchObject({
      'messaging.system': 'gcp_pubsub',
      'messaging.operation.type': 'send',
      'messaging.destination.name': 'orders-topic',
    });
  });

  it("begins with the span of the generator's send", async () => {
    const created = await tracedBy('order-generator', `create ${RAW}`);
    expect(created.parentSpanId ?? '').toBe('');
    await completeTrace(created.traceId, created.spanId);
  });

  it('exports nothing of an order that is not sampled, and its rows have their trace id nevertheless', async () => {
    const { traceId } = await orderWith('00');
    // The spans of an order that is sent afterwards are there: those of the first one would be too.
    const { traceId: later, spanId } = await orderWith('01');
    await completeTrace(later, spanId);
    expect(spansOf(traceId)).toEqual([]);
    expect(collector.spans.flatMap(({ links }) => links).filter((link) => link.traceId === traceId)).toEqual([]);
  });

  it('has no personal data in spans', async () => {
    const { key, order } = await foreignOrder(kafka);
    const { vendor_name, vendor_address, customer_id } = order;
    const personal = [vendor_name, vendor_address, customer_id, key.toString()].map(String);
    expect(personal.every((text) => text.length > 3)).toBe(true);
    const exported = JSON.stringify(collector.spans);
    expect(personal.filter((text) => exported.includes(text))).toEqual([]);
  });

  it.each(['fail', 'hang'] as const)('stops no order when the endpoint of the traces does: %s', async (mode) => {
    collector.become(mode);
    await waitUntil(() => collector.requests > 0, { what: 'an export', deadlineMs: ARRIVAL_DEADLINE_MS });
    await orderWith('01');
    if (mode === 'fail') expect(await failedSpans()).toBeGreaterThan(0);
  });

  it('stops as usual while the endpoint hangs', async () => {
    const startedMs = performance.now();
    command.signal('SIGTERM');
    expect(await command.ended).toBe(143);
    expect(performance.now() - startedMs).toBeLessThan(60_000);
    expect(command.stderr).not.toMatch(/killed|did not stop/i);
  });

  const failedSpans = (): Promise<number> =>
    waitUntil(
      async () => {
        const response = await fetch(`${stack.services.validator?.url ?? ''}/metrics`);
        const line = /^orderstream_trace_spans_total\{[^}]*outcome="failed"[^}]*\} (\d+)/m.exec(await response.text());
        return line === null ? false : Number(line[1]);
      },
      { what: 'failed exports in the metrics of the validator', deadlineMs: ARRIVAL_DEADLINE_MS },
    );
});
