import { deadLetterTopic, rawTopic, validatedTopic } from '@orderstream/contracts';
import { waitUntil } from '@orderstream/deadlines';
import type { KafkaRecord } from '@orderstream/kafka';
import { everyStep } from '../../../test/support/every-step';
import type { Body } from './events';
import { header, TestLog } from './log';
import { RunningValidator } from './running-validator';

const FAMILIES = { VALIDATOR_FAMILIES: 'orders,catalog,interactions' };
export const WAIT_MS = 30_000;
export const TEST_MS = 90_000;
export const RAW = rawTopic('orders');
export const VALIDATED = validatedTopic('orders');
export const DEAD = deadLetterTopic(RAW, 'validator');

/** The log of the families orders, catalog and interactions. */
export const log = new TestLog();
/** Also the validators that have not started yet when a test fails. */
const starts: Promise<RunningValidator>[] = [];

/** Starts a validator of the three families, unless `env` names others. */
export async function start(env: Readonly<Record<string, string>> = {}): Promise<RunningValidator> {
  const starting = RunningValidator.start({ ...FAMILIES, ...env });
  starts.push(starting);
  return starting;
}

export async function stop(validator: RunningValidator): Promise<void> {
  expect(await validator.stop()).toBe(0);
}

/** Stops what the last test started and, if it failed, did not stop. */
export async function stopAll(): Promise<void> {
  const started = await Promise.allSettled(starts.splice(0));
  await everyStep(
    ...started.map((one) => async () => {
      if (one.status === 'fulfilled') await stop(one.value);
    }),
  );
}

export const withId = (records: readonly KafkaRecord[], body: Body): KafkaRecord[] =>
  records.filter((record) => header(record, 'ce_id') === body.event_id);

/** The first record with this body's id, once the topic has it. */
export const arrival = (topic: string, body: Body): Promise<KafkaRecord> =>
  waitUntil(async () => withId(await log.read(topic), body)[0], {
    what: `${String(body.event_id)} in ${topic}`,
    deadlineMs: WAIT_MS,
  });
