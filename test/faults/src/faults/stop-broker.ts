import { partitionName } from '@orderstream/kafka';
import { waitUntil } from '@orderstream/deadlines';

import { type Consumer, CONSUMERS, type FaultStack } from '../stack/fault-stack';
import { isShutDownCleanly } from '../stack/stored-batch';
import { type FaultContext } from './fault';
import { partitionsOf } from './partitions';

/** What was handed over before a pause is committed within this time. */
const PAUSE_DEADLINE_MS = 60_000;
const POLL_INTERVAL_MS = 250;
/** Longer than the commit intervals of all services. */
const UNCHANGED_POLLS = 12;

/** SIGTERM. @returns the seconds that it took. @throws when the broker did not shut down cleanly */
export async function stopBrokerCleanly(stack: FaultStack): Promise<number> {
  const broker = stack.backend('kafka');
  const termination = await broker.down();
  if (termination === undefined) throw new Error('the broker was not running');
  if (broker.isRunning || !isShutDownCleanly(stack.kafkaLogs))
    throw new Error('the broker did not shut down cleanly: it would truncate the log');
  return termination.tookMs / 1_000;
}

/**
 * Pauses services that commit, waits until nothing of them is in flight, and resumes them after the work. A broker that stops
 * may lose the end of a transaction: `clean restart kafka` is the fault for that.
 */
export async function withoutCommits<T>(
  { stack, offsets }: Pick<FaultContext, 'stack' | 'offsets'>,
  except: Consumer,
  work: () => Promise<T>,
  intervalMs = POLL_INTERVAL_MS,
): Promise<T> {
  const consumers = CONSUMERS.filter((consumer) => consumer !== except);
  try {
    for (const consumer of consumers) {
      await stack.service(consumer).postAdmin('pause');
      let unchanged = 0;
      let before = '';
      await waitUntil(
        async () => {
          const other = (await partitionsOf(stack, consumer)).find(({ state }) => state === 'running');
          if (other !== undefined) throw new Error(`${partitionName(other)} ${other.state}`);
          const now = JSON.stringify([...(await offsets.committed(consumer))]);
          unchanged = now === before ? unchanged + 1 : 0;
          before = now;
          return unchanged >= UNCHANGED_POLLS;
        },
        { what: `${consumer} to commit nothing more`, deadlineMs: PAUSE_DEADLINE_MS, intervalMs },
      );
    }
    return await work();
  } finally {
    await Promise.all(consumers.map((consumer) => stack.service(consumer).postAdmin('resume')));
  }
}
