import { createKafka } from '@orderstream/kafka';
import { createLogger } from '@orderstream/observability';
import { DEFAULT_CATALOG_LIMITS } from '@orderstream/quality';
import { CatalogReader, isEvaluated } from './catalog-reader';

it('does not keep a partition that is revoked while a record waits for the catalog', async () => {
  const reader = new CatalogReader({
    kafka: createKafka({ brokers: ['127.0.0.1:1'], clientId: 'nobody' }),
    catalogGroupId: 'nobody',
    limits: DEFAULT_CATALOG_LIMITS,
    waitMs: 60_000,
    logger: createLogger({ service: 'test', level: 'silent' }),
  });
  // A look at the catalog that another record's wait has begun, and that does not end.
  Object.assign(reader, { sampling: { startedAt: 1, done: new Promise(() => undefined) } });
  const revoked = new AbortController();
  const waiting = reader.completeSince(reader.mark(), revoked.signal);
  revoked.abort(new Error('revoked'));
  await expect(waiting).rejects.toThrow('revoked');
});

describe('the raw catalog is evaluated', () => {
  it.each([
    ['when the group has committed the ends', [0, 0], [7, 3], [7, 3], true],
    ['beyond them', [0, 0], [7, 3], [9, 3], true],
    ['not while one partition is behind', [0, 0], [7, 3], [7, 2], false],
    [
      'not by a group that has committed nothing, while there is something',
      [0, 0],
      [7, 0],
      [undefined, undefined],
      false,
    ],
    ['by nobody, while there is nothing', [0, 0], [0, 0], [undefined, undefined], true],
    ['by nobody, when retention has taken all of it', [7, 3], [7, 3], [undefined, 1], true],
    ['not when retention has left some of it', [5, 3], [7, 3], [undefined, 3], false],
    ['not when the group lies before what retention has left', [5, 3], [7, 3], [4, 3], false],
  ])('%s', (_, beginnings, ends, committed, expected) => {
    expect(isEvaluated({ beginnings, ends }, committed)).toBe(expected);
  });
});
