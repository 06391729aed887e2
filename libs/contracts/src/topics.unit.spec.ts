import { CATALOG_VERSIONS_TOPIC, deadLetterTopic, rawTopic, stateTopic, TOPICS, validatedTopic } from './index';

const DAY_MS = 86_400_000;
const names = TOPICS.map(({ name }) => name);
const ending = (suffix: string) => TOPICS.filter(({ name }) => name.endsWith(suffix));

describe('topics', () => {
  it('are those of the four families, the catalog, and what operators do', () => {
    expect([...names].sort()).toEqual([
      'marketplace.audit.v1',
      'marketplace.catalog.raw.v1',
      'marketplace.catalog.raw.v1.dlq.validator',
      'marketplace.catalog.raw.v1.dlq.validator.parked',
      'marketplace.catalog.validated.v1',
      'marketplace.catalog.validated.v1.dlq.bq-sink',
      'marketplace.catalog.validated.v1.dlq.bq-sink.parked',
      'marketplace.catalog.validated.v1.retry.bq-sink',
      'marketplace.catalog.validator.state.v1',
      'marketplace.catalog.versions.v1',
      'marketplace.customers.raw.v1',
      'marketplace.customers.raw.v1.dlq.validator',
      'marketplace.customers.raw.v1.dlq.validator.parked',
      'marketplace.customers.validated.v1',
      'marketplace.customers.validated.v1.dlq.bq-sink',
      'marketplace.customers.validated.v1.dlq.bq-sink.parked',
      'marketplace.customers.validated.v1.retry.bq-sink',
      'marketplace.customers.validator.state.v1',
      'marketplace.interactions.raw.v1',
      'marketplace.interactions.raw.v1.dlq.validator',
      'marketplace.interactions.raw.v1.dlq.validator.parked',
      'marketplace.interactions.validated.v1',
      'marketplace.interactions.validated.v1.dlq.bq-sink',
      'marketplace.interactions.validated.v1.dlq.bq-sink.parked',
      'marketplace.interactions.validated.v1.retry.bq-sink',
      'marketplace.interactions.validator.state.v1',
      'marketplace.orders.raw.v1',
      'marketplace.orders.raw.v1.dlq.validator',
      'marketplace.orders.raw.v1.dlq.validator.parked',
      'marketplace.orders.validated.v1',
      'marketplace.orders.validated.v1.dlq.bq-sink',
      'marketplace.orders.validated.v1.dlq.bq-sink.parked',
      'marketplace.orders.validated.v1.dlq.pubsub-bridge',
      'marketplace.orders.validated.v1.dlq.pubsub-bridge.parked',
      'marketplace.orders.validated.v1.retry.bq-sink',
      'marketplace.orders.validated.v1.retry.pubsub-bridge',
      'marketplace.orders.validator.state.v1',
      'marketplace.replays.v1',
      'marketplace.settings.v1',
    ]);
  });

  it('are named by family, source topic and service', () => {
    expect(rawTopic('catalog')).toBe('marketplace.catalog.raw.v1');
    expect(validatedTopic('customers')).toBe('marketplace.customers.validated.v1');
    expect(stateTopic('orders')).toBe('marketplace.orders.validator.state.v1');
    expect(deadLetterTopic('marketplace.orders.raw.v1', 'validator')).toBe('marketplace.orders.raw.v1.dlq.validator');
  });

  it('have 6 partitions, and 1 where the order of all records counts', () => {
    const single = new Set(['marketplace.settings.v1', 'marketplace.audit.v1']);
    expect(TOPICS.map(({ partitions }) => partitions)).toEqual(names.map((name) => (single.has(name) ? 1 : 6)));
  });

  it('stamp raw records with the append time, delete them after 14 days, and take 4 MiB', () => {
    const raw = {
      cleanup: 'delete',
      timestamps: 'LogAppendTime',
      retentionMs: 14 * DAY_MS,
      maxMessageBytes: 4 * 2 ** 20,
    };
    expect(ending('.raw.v1')).toMatchObject([raw, raw, raw, raw]);
  });

  it('keep the timestamps of validated records, never compact them, and delete them 14 days after raw ones', () => {
    const validated = { cleanup: 'delete', timestamps: 'CreateTime', retentionMs: 28 * DAY_MS };
    expect(ending('.validated.v1')).toMatchObject([validated, validated, validated, validated]);
  });

  it('compact the state', () => {
    const compacted = ending('.validator.state.v1');
    expect(compacted).toHaveLength(4);
    for (const topic of compacted) {
      expect(topic.cleanup).toBe('compact');
      expect(topic).not.toHaveProperty('retentionMs');
    }
  });

  it('compact the versions of the catalog, and delete none of them', () => {
    const topic = TOPICS.find(({ name }) => name === CATALOG_VERSIONS_TOPIC);
    expect(topic).toMatchObject({ cleanup: 'compact' });
    expect(topic).not.toHaveProperty('retentionMs');
  });

  it('delete dead letters after 30 days and parked ones after 90, and take 64 KiB more than their source', () => {
    const letters = TOPICS.filter(({ name }) => name.includes('.dlq.'));
    expect(letters).toHaveLength(18);
    for (const { name, cleanup, retentionMs, maxMessageBytes } of letters) {
      const source = TOPICS.find((topic) => topic.name === name.slice(0, name.indexOf('.dlq.')));
      expect([cleanup, retentionMs]).toEqual(['delete', (name.endsWith('.parked') ? 90 : 30) * DAY_MS]);
      expect(maxMessageBytes).toBe((source?.maxMessageBytes ?? NaN) + 65_536);
    }
  });
});
