import { deadLetterTopic, QUALITY_HEADERS, rawTopic, validatedTopic } from '@orderstream/contracts';
import { waitUntil } from '@orderstream/deadlines';
import { qualitySettings } from '@orderstream/quality';
import { type Body, customerIn, rawRecord, sessionStarted } from './events';
import { arrival, log, start, stop, TEST_MS, WAIT_MS } from './families';
import { header } from './log';
import type { RunningValidator } from './running-validator';

const RAW = rawTopic('interactions');
const VALIDATED = validatedTopic('interactions');
const DEAD = deadLetterTopic(RAW, 'validator');
const RULE = '/admin/rules/time.too_late';
const CUSTOMERS = [0, 1, 2, 3, 4, 5].map(customerIn);
const DAY_MS = 86_400_000;

const late = (customer: string): Body => ({
  ...sessionStarted(customer),
  occurred_at: new Date(Date.now() - 8 * DAY_MS).toISOString(),
});

/** Sets the action of the rule, whatever its revision is. */
async function setAction(validator: RunningValidator, action: string | null): Promise<void> {
  const { etag } = await validator.get(RULE);
  expect(await validator.put(RULE, { action }, etag)).toBe(200);
}

const versionReaches = (validators: readonly RunningValidator[], version: string) =>
  waitUntil(
    async () => {
      const statuses = await Promise.all(validators.map((validator) => validator.status()));
      return statuses.every(({ settingsVersion }) => settingsVersion === version);
    },
    { what: `the settings version ${version} in every instance`, deadlineMs: WAIT_MS },
  );

export function runTimeSettings(): void {
  it(
    'applies a changed rule in every instance, and says in each record which settings evaluated it',
    async () => {
      const [before, after] = [qualitySettings(), qualitySettings({ actions: { 'time.too_late': 'reject' } })];
      const [first, second] = [await start(), await start()];
      await Promise.all([first.ready(), second.ready()]);
      try {
        const flagged = late(CUSTOMERS[0] ?? '');
        await log.send(rawRecord(flagged));
        const record = await arrival(VALIDATED, flagged);
        expect([header(record, QUALITY_HEADERS.flags), header(record, QUALITY_HEADERS.settings)]).toEqual([
          'time.too_late',
          before.version,
        ]);
        await setAction(first, 'reject');
        expect(await second.put(RULE, { action: 'off' }, '"0"')).toBe(412);
        await versionReaches([first, second], after.version);
        for (const validator of [first, second]) {
          const { evaluatesBy } = await validator.status();
          expect(evaluatesBy).toMatchObject({ 'RULE_ACTIONS.time.too_late': 'reject', RULE_MAX_LATE_MS: 7 * DAY_MS });
        }
        const rejected = CUSTOMERS.map(late);
        const good = CUSTOMERS.map((customer) => sessionStarted(customer));
        await log.send(...[...rejected, ...good].map((body) => rawRecord(body)));
        for (const body of good) {
          const validated = await arrival(VALIDATED, body);
          expect(header(validated, QUALITY_HEADERS.settings)).toBe(after.version);
        }
        for (const body of rejected) {
          const letter = await arrival(DEAD, body);
          expect(header(letter, 'dlq-reason')).toBe('time.too_late');
        }
      } finally {
        await setAction(first, null);
      }
      await versionReaches([first, second], before.version);
      await Promise.all([stop(first), stop(second)]);
    },
    TEST_MS,
  );
}
