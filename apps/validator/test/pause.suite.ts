import { rawTopic, validatedTopic } from '@orderstream/contracts';
import { waitUntil } from '@orderstream/deadlines';
import { customerIn, rawRecord, sessionStarted } from './events';
import { arrival, log, start, stop, TEST_MS, WAIT_MS, withId } from './families';
import type { RunningValidator } from './running-validator';

const RAW = rawTopic('interactions');
const VALIDATED = validatedTopic('interactions');

const readinessOf = async (validator: RunningValidator): Promise<{ status: number; isPaused: boolean }> => {
  const { status, text } = await validator.get('/health/ready');
  return { status, isPaused: text.includes('paused by test since') };
};
const lagOf = async (validator: RunningValidator): Promise<number | undefined> =>
  (await validator.status()).partitions.find(({ topic, partition }) => topic === RAW && partition === 5)?.lag;
const PAUSED = { status: 503, isPaused: true };

export function pause(): void {
  it(
    'keeps every instance paused over a restart of all of them, until it is resumed',
    async () => {
      const [first, second] = [await start(), await start()];
      await Promise.all([first.ready(), second.ready()]);
      await waitUntil(async () => [await lagOf(first), await lagOf(second)].includes(0), {
        what: 'the records of earlier tests to be evaluated',
        deadlineMs: WAIT_MS,
      });
      expect(await first.post('/admin/pause')).toBe(200);
      const resumeBy: RunningValidator[] = [first];
      try {
        await waitUntil(async () => (await readinessOf(second)).isPaused, {
          what: 'the pause of the other instance',
          deadlineMs: WAIT_MS,
        });
        expect(await Promise.all([first, second].map(readinessOf))).toEqual([PAUSED, PAUSED]);
        await Promise.all([stop(first), stop(second)]);

        const restarted = await start();
        resumeBy.splice(0, 1, restarted);
        expect(await readinessOf(restarted)).toEqual(PAUSED);
        const body = sessionStarted(customerIn(5));
        await log.send(rawRecord(body));
        await waitUntil(async () => (await lagOf(restarted)) === 1, {
          what: 'the record to be in the lag',
          deadlineMs: WAIT_MS,
        });
        expect(withId(await log.read(VALIDATED), body)).toEqual([]);

        const late = await start();
        expect(await readinessOf(late)).toEqual(PAUSED);
        expect(await late.post('/admin/resume')).toBe(200);
        await arrival(VALIDATED, body);
        await Promise.all([restarted.ready(), late.ready()]);
        await Promise.all([stop(restarted), stop(late)]);
      } finally {
        // The pause is a setting of the broker: every validator of a later test would obey it.
        for (const validator of resumeBy) await validator.post('/admin/resume').catch(() => undefined);
      }
    },
    TEST_MS,
  );
}
