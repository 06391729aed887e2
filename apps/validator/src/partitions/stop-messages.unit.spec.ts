import { CatalogVersionsMissingError } from '../catalog/catalog-reader';
import { LogMismatchError, RE_CREATED } from './log-mismatch-error';
import { StateMismatchError } from './state-mismatch-error';

const REF = { topic: 'marketplace.orders.raw.v1', partition: 3 };
const COMMAND = 'npm run set-position -- validator --family orders --partition 3 --to';

it.each([
  [
    'another log',
    new LogMismatchError('orders', REF, 'the topic has the id B, and not A', RE_CREATED),
    `${COMMAND} beginning`,
  ],
  ['a state of another offset', new StateMismatchError('orders', REF, 7, 5), `${COMMAND} <offset>`],
  [
    'a state that is lost',
    new StateMismatchError('orders', REF, 7, undefined),
    'npm run rebuild-state -- --family orders --partition 3',
  ],
  [
    'a missing catalog',
    new CatalogVersionsMissingError([3], false),
    'npm run rebuild-state -- --family catalog --partition 3',
  ],
])('the message of %s has the command to copy, the resume and the document', (_, { message }, command) => {
  expect(message).toContain(`\`${command}\``);
  expect(message).toContain('`POST /admin/resume`');
  expect(message).toMatch(/\(docs\/validator-state\.md#[a-z-]+\)\.$/);
});

it('the message of a state that is lost offers no offset: one would be chosen without what was accepted', () => {
  const { message } = new StateMismatchError('orders', REF, 7, undefined);
  expect(message).toContain('its state topic holds nothing');
  expect(message).not.toContain('set-position');
});
