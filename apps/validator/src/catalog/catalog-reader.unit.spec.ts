import { createKafka } from '@orderstream/kafka';
import { createLogger } from '@orderstream/observability';
import { DEFAULT_CATALOG_LIMITS } from '@orderstream/quality';
import { CatalogReader, isEvaluated } from './catalog-reader';

it('stops waiting for the catalog when the partition is revoked', async () => {
  const reader = new CatalogReader({
    kafka: createKafka({ brokers: ['127.0.0.1:1'], clientId: 'test' }),
    catalogGroupId: 'test',
    limits: DEFAULT_CATALOG_LIMITS,
    waitMs: 60_000,
    logger: createLogger({ service: 'test', level: 'silent' }),
  });
  // The catch-up of another batch, which does not end.
  Object.assign(reader, { catchUp: { startedAt: 1, done: new Promise(() => undefined) } });
  const revoked = new AbortController();
  const waiting = reader.completeSince(reader.mark(), revoked.signal);
  revoked.abort(new Error('revoked'));
  await expect(waiting).rejects.toThrow('revoked');
});

describe('isEvaluated', () => {
  it.each([
    ['is true when the group has committed the end offsets', [0, 0], [7, 3], [7, 3], true],
    ['is true when the group has committed beyond them', [0, 0], [7, 3], [9, 3], true],
    ['is false while one partition is behind', [0, 0], [7, 3], [7, 2], false],
    ['is false while a group without commits has records to read', [0, 0], [7, 0], [undefined, undefined], false],
    ['is true for a group without commits when there are no records', [0, 0], [0, 0], [undefined, undefined], true],
    ['is true when retention has removed all records', [7, 3], [7, 3], [undefined, 1], true],
    ['is false when retention has left some records', [5, 3], [7, 3], [undefined, 3], false],
    ['is false when the group lies below what retention has left', [5, 3], [7, 3], [4, 3], false],
  ])('%s', (_, beginnings, ends, committed, expected) => {
    expect(isEvaluated({ beginnings, ends }, committed)).toBe(expected);
  });
});
