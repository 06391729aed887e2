import { waitUntil } from '@orderstream/deadlines';
import { partitionName, type TopicPartition } from '@orderstream/kafka';
import { z } from 'zod';

import { type Consumer, type FaultStack } from '../stack/fault-stack';
import { type FaultContext } from './fault';

const partitionsStatus = z.object({
  partitions: z.array(
    z.object({ topic: z.string(), partition: z.number(), state: z.string(), error: z.string().optional() }),
  ),
});
export type Partitions = z.infer<typeof partitionsStatus>['partitions'];

/** Within this time partitions run again after a resume. */
export const RESUME_DEADLINE_MS = 60_000;
const POLL_INTERVAL_MS = 250;

/** The partitions of a consumer, as its status has them. @throws when the service does not answer */
export const partitionsOf = async (stack: FaultStack, app: Consumer): Promise<Partitions> =>
  partitionsStatus.parse(await stack.service(app).client().status()).partitions;

/** Waits until the status of a consumer gives no problem: the partitions in question have stopped. @throws DeadlineError */
export async function stopped(
  stack: FaultStack,
  app: Consumer,
  problemIn: (partitions: Partitions) => string | undefined,
  { what, deadlineMs }: { readonly what: string; readonly deadlineMs: number },
): Promise<void> {
  await waitUntil(
    async () => {
      const problem = problemIn(await partitionsOf(stack, app));
      if (problem === undefined) return true;
      throw new Error(problem);
    },
    { what: `${what} to stop`, deadlineMs, intervalMs: POLL_INTERVAL_MS },
  );
}

/** Waits until every other partition runs, and the consumer has committed in some of each topic. @throws DeadlineError */
export async function othersGoOn(
  { stack, offsets }: Pick<FaultContext, 'stack' | 'offsets'>,
  app: Consumer,
  isAffected: (place: TopicPartition) => boolean,
): Promise<void> {
  let before: ReadonlyMap<string, number> | undefined;
  await waitUntil(
    async () => {
      const partitions = (await partitionsOf(stack, app)).filter((place) => !isAffected(place));
      const now = await offsets.committed(app);
      const first = (before ??= now);
      const idle = new Set(partitions.map(({ topic }) => topic));
      for (const place of partitions) {
        const name = partitionName(place);
        if ((now.get(name) ?? 0) > (first.get(name) ?? 0)) idle.delete(place.topic);
      }
      const other = partitions.find(({ state }) => state !== 'running');
      if (idle.size === 0 && other === undefined) return true;
      throw new Error(other === undefined ? [...idle].join(', ') : `${partitionName(other)} ${other.state}`);
    },
    {
      what: `the other partitions of ${app} to go on`,
      deadlineMs: RESUME_DEADLINE_MS,
      intervalMs: POLL_INTERVAL_MS,
    },
  );
}
