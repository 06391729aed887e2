import { randomUUID } from 'node:crypto';
import { CE, deadLetterTopic, PARTITIONS, rawTopic } from '@orderstream/contracts';
import { headerText, replayOf } from '@orderstream/dead-letters';
import { waitUntil } from '@orderstream/deadlines';
import { fetchEndOffsets, readPartition, RecordProducer } from '@orderstream/kafka';
import { z } from 'zod';

import { type FaultStack } from '../stack/fault-stack';
import { type Instance } from '../stack/instance';
import { type Fault, type FaultContext } from './fault';
import { acceptableEvent, newShop, type Shop } from './poison-events';
import { recordOf } from './poison-records';

const TOPIC = rawTopic('orders');
/** Too few to trip the breaker of a partition. */
const ORDERS = 300;
/** The replay takes some seconds, in which the kills lie. */
const RATE_PER_SECOND = 30;
const DEADLINE_MS = 180_000;
const POLL_INTERVAL_MS = 250;
const MAX_REQUEST_BYTES = 900_000;

const planSchema = z.object({
  id: z.string(),
  revision: z.number(),
  state: z.string(),
  progress: z.object({ returned: z.number(), cameBack: z.number(), total: z.number() }),
});
type Plan = z.infer<typeof planSchema>;
const lettersSchema = z.object({ letters: z.array(z.unknown()) });

/**
 * Orders are rejected because their vendor is announced late, and a plan returns them while console and validator are
 * killed. Each returned record is planted: the comparison follows it as every other one.
 */
const replay: Fault = {
  name: 'replay',
  description: `${String(ORDERS)} orders of a vendor that is announced late come back by plan, with kill -9 of console and validator on the way`,
  claims: ['kafka', 'validator', 'validator~kafka'],
  recovers: ['validator'],
  async inject(context) {
    const { stack, rng } = context;
    const startedAt = performance.now();
    await stack.console.instance.up();
    try {
      await stack.console.instance.ready();
      const from = new Date().toISOString();
      const sent = await rejectOrders(context);
      const filter = { reason: 'reference.unknown_vendor', from, fields: { vendor_id: sent.shop.vendorId } };
      await rejected(stack, filter);
      await send(
        context,
        'announcement',
        undefined,
        sent.shop.events.map((event) => recordOf('catalog', event)),
      );
      const ends = await endsOf(stack);
      const plan = await started(stack, filter);
      const victims = rng.shuffled([stack.console.instance, stack.instance('validator')]);
      const killedAt = await killOnTheWay(stack, plan, victims);
      const ended = await changed(stack, plan.id, ({ state }) => !['running', 'waiting'].includes(state));
      const returned = await returnedBy(context, plan.id, ends);
      return {
        detail: `${String(returned.length)} returned, ${killedAt.join(', ')}`,
        broken: [...problemsOf(ended, killedAt), ...differences(sent.ids, returned)],
        measures: { 'replay, s': (performance.now() - startedAt) / 1_000 },
      };
    } finally {
      await stack.console.instance.downHard();
    }
  },
};

/** Sends orders of a vendor that the catalog does not have. */
async function rejectOrders(context: FaultContext): Promise<{ readonly shop: Shop; readonly ids: readonly string[] }> {
  const shop = newShop(context.rng);
  const events = Array.from({ length: ORDERS }, () => acceptableEvent('orders', context.rng, shop));
  const records = events.map((event) => recordOf('orders', event));
  await send(context, 'order before its vendor', 'reference.unknown_vendor', records);
  return { shop, ids: events.map(({ body }) => String(body.event_id)) };
}

async function send(
  { stack, planted }: FaultContext,
  kind: string,
  reason: string | undefined,
  records: Parameters<RecordProducer['send']>[0],
): Promise<void> {
  const producer = new RecordProducer(stack.kafka(), { maxRequestBytes: MAX_REQUEST_BYTES });
  await producer.connect();
  try {
    planted.sent += records.length;
    for (const range of await producer.send(records)) planted.addRange(range, { kind, reason });
  } finally {
    await producer.disconnect();
  }
}

interface Filter {
  readonly reason: string;
  readonly from: string;
  readonly fields: { readonly vendor_id: string };
}

async function rejected({ console: { service } }: FaultStack, { reason, from, fields }: Filter): Promise<void> {
  const query = new URLSearchParams({
    topic: deadLetterTopic(TOPIC, 'validator'),
    reason,
    from,
    field: `vendor_id=${fields.vendor_id}`,
    limit: '1000',
  });
  await waitUntil(
    async () => {
      const { letters } = lettersSchema.parse(await service.admin('GET', `dead-letters?${String(query)}`));
      return letters.length >= ORDERS;
    },
    { what: 'the console to have every dead letter', deadlineMs: DEADLINE_MS, intervalMs: POLL_INTERVAL_MS },
  );
}

async function endsOf(stack: FaultStack): Promise<readonly number[]> {
  const admin = stack.kafka().admin();
  await admin.connect();
  try {
    return await fetchEndOffsets(admin, TOPIC);
  } finally {
    await admin.disconnect();
  }
}

async function started(stack: FaultStack, filter: Filter): Promise<Plan> {
  const { service } = stack.console;
  const topic = deadLetterTopic(TOPIC, 'validator');
  const body = { topic, filter, followers: false, ratePerSecond: RATE_PER_SECOND };
  const headers = { 'idempotency-key': randomUUID() };
  const { id } = planSchema.parse(await service.admin('POST', 'replays', { body, headers }));
  await service.admin('POST', `replays/${id}/preview`);
  const ready = await changed(stack, id, ({ state }) => state !== 'previewing');
  const revision = { 'if-match': `"${String(ready.revision)}"` };
  return planSchema.parse(await service.admin('POST', `replays/${id}/start`, { headers: revision }));
}

/** Kills each once its share of the letters is returned. @returns where the replay was then */
async function killOnTheWay(stack: FaultStack, { id }: Plan, victims: readonly Instance[]): Promise<readonly string[]> {
  const places: string[] = [];
  for (const [index, victim] of victims.entries()) {
    const share = ((index + 1) / (victims.length + 1)) * ORDERS;
    const plan = await changed(stack, id, ({ state, progress }) => state !== 'running' || progress.returned >= share);
    victim.kill();
    places.push(`${victim.name} killed at ${String(plan.progress.returned)} (${plan.state})`);
  }
  return places;
}

/** Waits until a condition holds for the plan. The console may be killed meanwhile. */
function changed(stack: FaultStack, id: string, holds: (plan: Plan) => boolean): Promise<Plan> {
  return waitUntil(
    async () => {
      const plan = planSchema.parse(await stack.console.service.admin('GET', `replays/${id}`));
      if (plan.state === 'waiting' || !holds(plan)) throw new Error(`it is ${plan.state}`);
      return plan;
    },
    { what: `the replay plan ${id} to go on`, deadlineMs: DEADLINE_MS, intervalMs: POLL_INTERVAL_MS },
  );
}

/** The event ids that the plan has returned, from the raw topic. Each record is planted: it must be accepted now. */
async function returnedBy(
  { stack, planted }: FaultContext,
  plan: string,
  from: readonly number[],
): Promise<readonly string[]> {
  const ids: string[] = [];
  const ends = await endsOf(stack);
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const range = { topic: TOPIC, partition, from: from[partition] ?? 0, until: ends[partition] ?? 0 };
    await readPartition(stack.kafka(), range, ({ records }) => {
      for (const { offset, headers } of records) {
        if (replayOf(headers)?.plan !== plan) continue;
        ids.push(headerText(headers, CE.id) ?? '');
        planted.sent++;
        planted.add({ topic: TOPIC, partition, offset, kind: 'returned order', reason: undefined });
      }
    });
  }
  return ids;
}

function problemsOf({ state, progress }: Plan, killedAt: readonly string[]): readonly string[] {
  return [
    ...(state === 'finished' && progress.returned === ORDERS
      ? []
      : [`the plan is ${state}: ${JSON.stringify(progress)}`]),
    ...(progress.cameBack === 0 ? [] : [`${String(progress.cameBack)} letters came back`]),
    ...killedAt.filter((place) => !place.endsWith('(running)')),
  ];
}

function differences(sent: readonly string[], returned: readonly string[]): readonly string[] {
  const copies = new Map<string, number>();
  for (const id of returned) copies.set(id, (copies.get(id) ?? 0) + 1);
  const known = new Set(sent);
  return [
    ...sent.filter((id) => !copies.has(id)).map((id) => `${id} was not returned`),
    ...[...copies].filter(([, count]) => count > 1).map(([id, count]) => `${id} was returned ${String(count)} times`),
    ...[...copies.keys()].filter((id) => !known.has(id)).map((id) => `${id} was returned and was not chosen`),
  ].slice(0, 5);
}

export const REPLAY_FAULTS: readonly Fault[] = [replay];
