import type { PubSub } from '@google-cloud/pubsub';
import { status } from '@grpc/grpc-js';

import { ensureTopology, inspectTopology, type Topology } from './topology';

const TOPOLOGY: Topology = {
  topic: 'orders-topic',
  subscription: 'orders-to-bigquery',
  deadLetterTopic: 'orders-dead',
  deadLetterSubscription: 'orders-dead-console',
  table: 'p.d.streaming_orders',
  ordered: false,
  maxDeliveryAttempts: 20,
  retryBackoffSeconds: { min: 10, max: 600 },
};
const GOOD = {
  state: 'ACTIVE',
  topic: 'projects/p/topics/orders-topic',
  deadLetterPolicy: { deadLetterTopic: 'projects/p/topics/orders-dead' },
  bigqueryConfig: { state: 'ACTIVE', table: TOPOLOGY.table, useTableSchema: true, writeMetadata: true },
};

const grpcError = (code: status): Error => Object.assign(new Error(status[code]), { code });

/** A Pub/Sub with topics and subscriptions in memory. */
class FakePubSub {
  readonly projectId = 'p';
  readonly created: string[] = [];
  readonly found: Record<string, object> = {
    'orders-topic': {},
    'orders-dead': {},
    'orders-to-bigquery': GOOD,
    'orders-dead-console': {},
  };

  constructor(private readonly mayCreate = true) {}

  readonly topic = (id: string): object => ({
    getMetadata: () => this.read(id),
    createSubscription: (subscription: string, options: object) =>
      this.create(subscription, { ...GOOD, ...options, topic: `projects/p/topics/${id}` }),
  });
  readonly subscription = (id: string): object => ({ getMetadata: () => this.read(id) });
  readonly createTopic = (id: string): Promise<void> => this.create(id, {});

  get client(): PubSub {
    return this as unknown as PubSub;
  }

  private read(id: string): Promise<object[]> {
    const found = this.found[id];
    return found === undefined ? Promise.reject(grpcError(status.NOT_FOUND)) : Promise.resolve([found]);
  }

  private create(id: string, content: object): Promise<void> {
    if (!this.mayCreate) return Promise.reject(grpcError(status.PERMISSION_DENIED));
    if (id in this.found) return Promise.reject(grpcError(status.ALREADY_EXISTS));
    this.created.push(id);
    this.found[id] = content;
    return Promise.resolve();
  }
}

describe('ensureTopology', () => {
  it('creates nothing where everything exists, so that an account that may not create works', async () => {
    const pubsub = new FakePubSub(false);
    expect(await ensureTopology(pubsub.client, TOPOLOGY)).toEqual({
      missing: [],
      subscriptionState: 'ACTIVE',
      subscriptionIdentity: '',
      differences: [],
    });
  });

  it('creates what is missing, topics before subscriptions, and returns what is there then', async () => {
    const pubsub = new FakePubSub();
    for (const id of Object.keys(pubsub.found)) Reflect.deleteProperty(pubsub.found, id);
    const state = await ensureTopology(pubsub.client, TOPOLOGY);
    expect(pubsub.created).toEqual(['orders-topic', 'orders-dead', 'orders-to-bigquery', 'orders-dead-console']);
    expect(state).toMatchObject({ missing: [], differences: [] });
    expect(state.subscriptionIdentity).toMatch(/^\d+$/);
  });

  it('rejects with the error when something is missing and the account may not create it', async () => {
    const pubsub = new FakePubSub(false);
    Reflect.deleteProperty(pubsub.found, 'orders-to-bigquery');
    await expect(ensureTopology(pubsub.client, TOPOLOGY)).rejects.toThrow('PERMISSION_DENIED');
  });
});

describe('inspectTopology', () => {
  const withSubscription = (changes: object): FakePubSub => {
    const pubsub = new FakePubSub();
    pubsub.found['orders-to-bigquery'] = { ...GOOD, ...changes };
    return pubsub;
  };
  const withBigQuery = (changes: object): FakePubSub =>
    withSubscription({ bigqueryConfig: { ...GOOD.bigqueryConfig, ...changes } });

  it.each([
    ['delays', 'its state is RESOURCE_ERROR', () => withSubscription({ state: 'RESOURCE_ERROR' })],
    ['delays', 'BigQuery configuration is PERMISSION_DENIED', () => withBigQuery({ state: 'PERMISSION_DENIED' })],
    ['delays', 'its table is p.d.other', () => withBigQuery({ table: 'p.d.other' })],
    ['delays', 'drop_unknown_fields is true', () => withBigQuery({ dropUnknownFields: true })],
    ['delays', 'use_table_schema is false', () => withBigQuery({ useTableSchema: false })],
    ['loses', 'its filter is', () => withSubscription({ filter: 'attributes:x' })],
    ['loses', 'detached is true', () => withSubscription({ detached: true })],
    ['loses', 'its topic is _deleted-topic_', () => withSubscription({ topic: '_deleted-topic_' })],
  ])('finds what %s messages: %s', async (effect, text, pubsub) => {
    const { differences } = await inspectTopology(pubsub().client, TOPOLOGY);
    expect(differences).toEqual([{ effect, text: expect.stringContaining(text) as string }]);
  });

  it('finds a schema of the topic, which rejects messages', async () => {
    const pubsub = new FakePubSub();
    pubsub.found['orders-topic'] = { schemaSettings: { schema: 'projects/p/schemas/s', encoding: 'JSON' } };
    const { differences } = await inspectTopology(pubsub.client, TOPOLOGY);
    expect(differences).toEqual([
      { effect: 'rejects', text: expect.stringContaining('projects/p/schemas/s') as string },
    ]);
  });

  it('takes the unspecified states of the emulator for good', async () => {
    const pubsub = withSubscription({
      state: 'STATE_UNSPECIFIED',
      bigqueryConfig: { ...GOOD.bigqueryConfig, state: 'STATE_UNSPECIFIED' },
    });
    expect(await inspectTopology(pubsub.client, TOPOLOGY)).toMatchObject({
      subscriptionState: 'STATE_UNSPECIFIED',
      differences: [],
    });
  });

  it('lists what is missing', async () => {
    const pubsub = new FakePubSub();
    Reflect.deleteProperty(pubsub.found, 'orders-to-bigquery');
    expect(await inspectTopology(pubsub.client, TOPOLOGY)).toEqual({
      missing: ['orders-to-bigquery'],
      subscriptionState: 'MISSING',
      subscriptionIdentity: undefined,
      differences: [],
    });
  });
});
