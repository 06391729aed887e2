import { DEAD_LETTER_GROUP, FAMILIES, LETTER_TOPICS, TOPICS } from '@orderstream/contracts';

import { EVENT_TOPICS, placeOf, sourceOf } from './sink-topics';

describe('the topics of the sink', () => {
  it('are the validated topics, their retry topics, and every dead-letter topic', () => {
    const names = TOPICS.map(({ name }) => name);
    expect([...EVENT_TOPICS].sort()).toEqual(
      names.filter((name) => /\.validated\.v1(\.retry\.bq-sink)?$/.test(name)).sort(),
    );
    expect([...LETTER_TOPICS].sort()).toEqual(names.filter((name) => name.includes('.dlq.')).sort());
    expect([EVENT_TOPICS.length, LETTER_TOPICS.length]).toEqual([2 * FAMILIES.length, 18]);
  });

  it('lead to the table of the family, or to that of the dead letters, in a group of their own', () => {
    const retry = sourceOf('marketplace.catalog.validated.v1.retry.bq-sink');
    expect(retry).toMatchObject({ kind: 'retry', family: 'catalog', groupId: 'bq-sink' });
    expect(retry.table.table).toBe('catalog_events');
    for (const topic of [
      'marketplace.orders.validated.v1.dlq.pubsub-bridge',
      'marketplace.orders.validated.v1.dlq.pubsub-bridge.parked',
    ]) {
      const letters = sourceOf(topic);
      expect(letters).toMatchObject({ kind: 'dead-letters', app: 'pubsub-bridge', groupId: DEAD_LETTER_GROUP });
      expect(letters.table.table).toBe('dead_letters');
    }
    expect(() => sourceOf('marketplace.orders.raw.v1')).toThrow('bq-sink does not consume');
  });

  it('are named to set-position by family, or by their name', () => {
    expect(placeOf('marketplace.orders.validated.v1')).toBe('orders');
    const topic = 'marketplace.orders.validated.v1.retry.bq-sink';
    expect(placeOf(topic)).toEqual({ topic });
  });
});
