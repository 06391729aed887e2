import { LogUnreadableError, OffsetOutOfRangeError, TopicChangedError } from '@orderstream/kafka';

import { leadsOnOf } from './leads-on';

const REF = { topic: 'marketplace.orders.validated.v1', partition: 3 };
const BATCH = { ...REF, baseOffset: 7, lastOffset: 9, nextOffset: 10, records: 3, timestamp: 0, codec: 4 };
const COMMAND = 'npm run set-position -- bq-sink --family orders --partition 3 --to';

it.each([
  [
    'a batch that cannot be decoded',
    new LogUnreadableError('x', { batch: BATCH }),
    'next-batch',
    'docs/kafka-transport.md#',
  ],
  ['a batch without a readable header', new LogUnreadableError('x'), '<base offset of the next batch>', 'docs/kafka-'],
  ['an offset that the log does not hold', new OffsetOutOfRangeError('x'), 'beginning', 'docs/here.md'],
  ['a re-created topic', new TopicChangedError(REF.topic, 'A', 'B'), 'beginning', 'docs/here.md'],
])('names the command to copy, the resume and the document for %s', (_, cause, target, document) => {
  const text = leadsOnOf('bq-sink', 'orders', 'docs/here.md')(REF, cause);
  expect(text).toContain(`\`${COMMAND} ${target}\`, then \`POST /admin/resume\``);
  expect(text).toContain(document);
});

it('names a topic that is not the first of its family', () => {
  const topic = 'marketplace.orders.validated.v1.retry.bq-sink';
  expect(leadsOnOf('bq-sink', { topic }, 'x')({ topic, partition: 3 }, new OffsetOutOfRangeError('x'))).toContain(
    `npm run set-position -- bq-sink --topic ${topic} --partition 3 --to beginning`,
  );
});

it('adds nothing to an error that says itself what leads on', () => {
  expect(leadsOnOf('bq-sink', 'orders', 'docs/here.md')(REF, new Error('x'))).toBeUndefined();
});
