import { createKafka } from '@orderstream/kafka';
import { createLogger } from '@orderstream/observability';
import { DEFAULT_CATALOG_LIMITS } from '@orderstream/quality';
import { CatalogReader } from './catalog-reader';

it('stops waiting for the catalog when the partition is revoked', async () => {
  const reader = new CatalogReader({
    kafka: createKafka({ brokers: ['127.0.0.1:1'], clientId: 'test' }),
    catalogGroupId: 'test',
    limits: DEFAULT_CATALOG_LIMITS,
    waitMs: 60_000,
    logger: createLogger({ service: 'test', level: 'silent' }),
  });
  // The catch-up of another batch, which does not end.
  Object.assign(reader, { catchUp: { startedAt: Infinity, done: new Promise(() => undefined) } });
  const revoked = new AbortController();
  const waiting = reader.completeSince(reader.mark(), revoked.signal);
  revoked.abort(new Error('revoked'));
  await expect(waiting).rejects.toThrow('revoked');
});
