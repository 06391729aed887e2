import { deadLetterTopic, validatedTopic } from '@orderstream/contracts';
import { waitUntil } from '@orderstream/deadlines';
import { fetchEndOffsets, partitionName, readPartition, type TopicPartition } from '@orderstream/kafka';
import { connectPubSub } from '@orderstream/pubsub';
import { z } from 'zod';

import { PUBSUB_SUBSCRIPTION } from '../../../../dev/src';
import { type PartitionOffsets } from '../run/committed-offsets';
import { type FaultStack } from '../stack/fault-stack';
import { outcomeOfEffect } from './effect';
import { type Fault, type FaultContext, type Outcome } from './fault';

const TOPIC = validatedTopic('orders');
const DELIVERY_DEADLINE_MS = 90_000;
const DELIVERY_INTERVAL_MS = 1_000;
/** The bridge must notice within a minute, and be ready again within another. */
const NOTICE_DEADLINE_MS = 60_000;
const POLL_INTERVAL_MS = 100;

const bridgeGaps = z.object({
  subscription: z.object({
    gaps: z.array(
      z.object({
        from: z.iso.datetime(),
        to: z.iso.datetime(),
        partitions: z.array(z.object({ partition: z.number(), fromOffset: z.number(), toOffset: z.number() })),
      }),
    ),
  }),
});
export type Gap = z.infer<typeof bridgeGaps>['subscription']['gaps'][number];

/** The bridge must notice, put the subscription back and report the gap. From its begin on the orders are published again. */
const deleted: Fault = {
  name: 'delete subscription',
  description: `the Pub/Sub subscription is deleted; the bridge is rewound to the gap that it reports`,
  claims: [
    'pubsub-bridge',
    'subscription-emulator',
    'kafka',
    'pubsub-emulator',
    'bigquery-emulator',
    'pubsub-bridge~kafka',
    'pubsub-bridge~pubsub',
    'subscription-emulator~pubsub',
    'subscription-emulator~bigquery',
  ],
  recovers: ['pubsub-bridge', 'subscription-emulator'],
  async inject(context) {
    const { stack } = context;
    const known = new Set((await gapsOf(stack)).map(({ to }) => to));
    const reported = async (): Promise<Gap | undefined> =>
      united((await gapsOf(stack)).filter(({ to }) => !known.has(to)));
    const delivered = await allDelivered(context);
    await deleteSubscription(stack);
    const deletedAt = Date.now();
    const startedAt = performance.now();
    const reason = await noticed(stack);
    const noticedSeconds = (performance.now() - startedAt) / 1_000;
    const first = await waitUntil(reported, {
      what: 'the bridge to report the gap of its subscription',
      deadlineMs: NOTICE_DEADLINE_MS,
      intervalMs: POLL_INTERVAL_MS,
    });
    await stack.instance('pubsub-bridge').ready(NOTICE_DEADLINE_MS);
    // A partition that was opened during the check is compared by the next one.
    const gap = (await reported()) ?? first;
    for (const { partition, offset } of rewinds(gap, delivered)) {
      await stack.service('pubsub-bridge').postAdmin('rewind', { partition, offset });
    }
    return outcomeOfGap(context, gap, { deletedAt, noticedSeconds, reason });
  },
};

async function deleteSubscription({ endpoints }: FaultStack): Promise<void> {
  const pubsub = connectPubSub({ project: endpoints.project, emulatorHost: endpoints.pubsub });
  try {
    await pubsub.subscription(PUBSUB_SUBSCRIPTION).delete();
  } finally {
    await pubsub.close();
  }
}

const gapsOf = async (stack: FaultStack): Promise<readonly Gap[]> =>
  bridgeGaps.parse(await stack.service('pubsub-bridge').client().status()).subscription.gaps;

/** Why the bridge is not ready any more. @throws DeadlineError */
async function noticed(stack: FaultStack): Promise<string> {
  return waitUntil(
    async () => {
      const { isReady, text } = await stack.service('pubsub-bridge').health();
      return !isReady && text;
    },
    {
      what: 'the bridge to notice that its subscription is deleted',
      deadlineMs: NOTICE_DEADLINE_MS,
      intervalMs: POLL_INTERVAL_MS,
    },
  );
}

/**
 * The offsets below which every order was delivered. What waits in a subscription is lost with it, and the bridge reports only
 * what it has published since its last check: the suite therefore knows where what was waiting begins.
 */
async function allDelivered({ stack, offsets }: FaultContext): Promise<readonly PartitionOffsets[]> {
  const kafka = stack.kafka();
  const admin = kafka.admin();
  await admin.connect();
  try {
    const committed = await offsets.read('pubsub-bridge');
    let wanted = 0;
    for (const { partition, committed: until } of committed) {
      if (until === 0) continue;
      await readPartition(kafka, { topic: TOPIC, partition, from: 0, until }, ({ records }) => {
        wanted += records.length;
      });
    }
    const tables = stack.tables();
    const ranges = committed.map(({ partition, committed: until }) => ({ topic: TOPIC, partition, from: 0, until }));
    await waitUntil(
      async () => {
        const rejected = await fetchEndOffsets(admin, deadLetterTopic(TOPIC, 'pubsub-bridge'));
        const settled = (await tables.delivered(ranges)) + rejected.reduce((sum, end) => sum + end, 0);
        if (settled >= wanted) return true;
        throw new Error(`${String(settled)} of ${String(wanted)} orders`);
      },
      { what: 'earlier orders to be delivered', deadlineMs: DELIVERY_DEADLINE_MS, intervalMs: DELIVERY_INTERVAL_MS },
    );
    return committed;
  } finally {
    await admin.disconnect();
  }
}

/** What several checks have found, as one gap. Each partition begins at its lowest offset. */
export function united(gaps: readonly Gap[]): Gap | undefined {
  const [first, ...others] = gaps;
  if (first === undefined) return undefined;
  const byPartition = new Map<number, Gap['partitions'][number]>();
  for (const { partition, fromOffset, toOffset } of gaps.flatMap(({ partitions }) => partitions)) {
    const known = byPartition.get(partition);
    byPartition.set(partition, {
      partition,
      fromOffset: Math.min(fromOffset, known?.fromOffset ?? fromOffset),
      toOffset: Math.max(toOffset, known?.toOffset ?? toOffset),
    });
  }
  const from = others.reduce((earliest, gap) => (gap.from < earliest ? gap.from : earliest), first.from);
  const to = others.reduce((latest, gap) => (gap.to > latest ? gap.to : latest), first.to);
  return { from, to, partitions: [...byPartition.values()] };
}

/** Where each partition of the gap is published again from: its begin, or what had not been delivered before it. */
export function rewinds(
  { partitions }: Pick<Gap, 'partitions'>,
  delivered: readonly (TopicPartition & { readonly committed: number })[],
): readonly { readonly partition: number; readonly offset: number }[] {
  const below = new Map(delivered.map((place) => [partitionName(place), place.committed]));
  return partitions.map(({ partition, fromOffset }) => ({
    partition,
    offset: Math.min(fromOffset, below.get(partitionName({ topic: TOPIC, partition })) ?? fromOffset),
  }));
}

/** What the bridge must have said. */
export function outcomeOfGap(
  { claimed }: Pick<FaultContext, 'claimed'>,
  gap: Gap,
  { deletedAt, noticedSeconds, reason }: { deletedAt: number; noticedSeconds: number; reason: string },
): Outcome {
  const orders = gap.partitions.reduce((sum, { fromOffset, toOffset }) => sum + toOffset - fromOffset, 0);
  const from = Date.parse(gap.from);
  const to = Date.parse(gap.to);
  const detail = `noticed after ${noticedSeconds.toFixed(1)} s, a gap of ${((to - from) / 1_000).toFixed(1)} s and ${String(orders)} offsets, published again`;
  const effect = outcomeOfEffect({ claimed }, 'pubsub-bridge', orders, detail);
  return {
    ...effect,
    broken: [
      ...(reason.includes(`${PUBSUB_SUBSCRIPTION} did not exist`)
        ? []
        : [`the readiness of the bridge does not say that ${PUBSUB_SUBSCRIPTION} did not exist: ${reason}`]),
      ...(from <= deletedAt && deletedAt <= to
        ? []
        : [`the gap, from ${gap.from} to ${gap.to}, is without ${new Date(deletedAt).toISOString()}`]),
      ...(effect.broken ?? []),
    ],
    measures: { 'noticed, s': noticedSeconds, 'published again, offsets': orders },
  };
}

export const SUBSCRIPTION_FAULTS: readonly Fault[] = [deleted];
