import { type Family, PARTITIONS, rawTopic, TOPICS } from '@orderstream/contracts';
import { waitUntil } from '@orderstream/deadlines';
import { ensureTopics, fetchEndOffsets, type KafkaRecord, partitionName, RecordProducer } from '@orderstream/kafka';
import { type Rng } from '@orderstream/random';
import { type Admin } from 'kafkajs';
import { z } from 'zod';

import { type FaultStack } from '../stack/fault-stack';
import { type Fault, type FaultContext } from './fault';
import { othersGoOn, type Partitions, partitionsOf, RESUME_DEADLINE_MS, stopped } from './partitions';
import { acceptableEvent, newShop } from './poison-events';
import { type PoisonRecord, recordOf } from './poison-records';
import { shutDown } from './shutdown';

/** The family with the fewest records. */
const FAMILY: Family = 'customers';
const TOPIC = rawTopic(FAMILY);
const MORE_PARTITIONS = 8;
/** How many records of the new log lie behind the end of the old one, in each partition. */
const BEYOND = 50;
/** The services read the metadata of their topics each minute. */
const NOTICE_DEADLINE_MS = 75_000;
const TOPIC_DEADLINE_MS = 60_000;
const POLL_INTERVAL_MS = 250;
const MAX_REQUEST_BYTES = 900_000;
const SEND_RECORDS = 2_000;

const positionReport = z.object({
  partition: z.number(),
  position: z.number(),
  passedOver: z.number(),
  otherLog: z.string().nullable(),
});
export type PositionReport = z.infer<typeof positionReport>;

/**
 * A topic gets more partitions. The way back is to delete and re-create it, which starts another log under the state of the
 * validator: `set-position` leads on. What was not evaluated is produced again.
 */
const reCreatedTopic: Fault = {
  name: 're-created topic',
  description: `${TOPIC} gets ${String(MORE_PARTITIONS)} partitions, is deleted and re-created, and filled beyond the old offsets`,
  claims: ['kafka', 'validator', 'validator~kafka', 'order-generator', 'order-generator~kafka'],
  recovers: ['validator', 'order-generator'],
  isAlone: true,
  async inject(context) {
    const { stack, rng } = context;
    const stopsValidator = rng.fraction() < 0.5;
    const admin = stack.kafka().admin();
    await admin.connect();
    try {
      const noticedSeconds = await addPartitions(context, admin);
      const shutdown = await stack.instance('order-generator').down();
      if (shutdown?.exit.code !== 0) throw new Error('the generator did not end by itself: it may still send records');
      const { rest, ends } = await archive(context, admin);
      const validatorShutdown = stopsValidator ? await shutDown(context, 'validator') : undefined;
      await reCreate(stack, admin);
      const filled = await fill(context, rest, ends);
      await stack.instance('order-generator').up();
      if (stopsValidator) await stack.instance('validator').up();
      const broken = await staysStopped(context, admin);
      const reports = await setPosition(stack);
      await stack.service('validator').postAdmin('resume');
      await waitUntil(async () => isRunning(await statusOf(stack)), {
        what: `the partitions of ${TOPIC} to run again`,
        deadlineMs: RESUME_DEADLINE_MS,
        intervalMs: POLL_INTERVAL_MS,
      });
      return {
        detail: `added partitions noticed after ${noticedSeconds.toFixed(1)} s, re-created while the validator was ${stopsValidator ? 'stopped' : 'running'}, ${String(rest.length)} records produced again, ${String(filled)} more`,
        broken: [...(validatorShutdown?.broken ?? []), ...broken, ...problemsOf(reports)],
        measures: { 'added partitions noticed, s': noticedSeconds },
      };
    } finally {
      await admin.disconnect();
      await stack.instance('order-generator').up();
      await stack.instance('validator').up();
    }
  },
};

/** @returns the seconds until the validator had stopped the partitions of the topic, and no others */
async function addPartitions({ stack, offsets }: FaultContext, admin: Admin): Promise<number> {
  const startedAt = performance.now();
  await admin.createPartitions({ topicPartitions: [{ topic: TOPIC, count: MORE_PARTITIONS }] });
  await stoppedWith(stack, [
    `has ${String(MORE_PARTITIONS)} partitions, not ${String(PARTITIONS)}`,
    'POST /admin/resume',
  ]);
  const seconds = (performance.now() - startedAt) / 1_000;
  await othersGoOn({ stack, offsets }, 'validator', ({ topic }) => topic === TOPIC);
  return seconds;
}

/** The generator must be down. @returns the records that were not evaluated, and the ends of the log */
async function archive(
  { archiveLog, offsets }: FaultContext,
  admin: Admin,
): Promise<{ readonly rest: readonly KafkaRecord[]; readonly ends: readonly number[] }> {
  const ends = await fetchEndOffsets(admin, TOPIC);
  const rest = await archiveLog(FAMILY);
  offsets.logDeleted(ends.reduce((sum, end) => sum + end, 0) - rest.length);
  return { rest, ends };
}

async function reCreate(stack: FaultStack, admin: Admin): Promise<void> {
  await admin.deleteTopics({ topics: [TOPIC] });
  await waitUntil(async () => !(await admin.listTopics()).includes(TOPIC), {
    what: `${TOPIC} to be deleted`,
    deadlineMs: TOPIC_DEADLINE_MS,
    intervalMs: POLL_INTERVAL_MS,
  });
  await ensureTopics(
    stack.kafka(),
    TOPICS.filter(({ name }) => name === TOPIC),
    { replication: 1 },
  );
}

/** @returns the number of records besides those that were not evaluated */
async function fill(
  { stack, rng, planted }: FaultContext,
  rest: readonly KafkaRecord[],
  ends: readonly number[],
): Promise<number> {
  const producer = new RecordProducer(stack.kafka(), { maxRequestBytes: MAX_REQUEST_BYTES });
  await producer.connect();
  try {
    if (rest.length > 0) await producer.send(rest);
    const more = recordsBeyond(
      ends.slice(0, PARTITIONS).map((end, partition) => {
        const again = rest.filter((record) => record.partition === partition).length;
        return end + BEYOND - again;
      }),
      rng,
    );
    for (let at = 0; at < more.length; at += SEND_RECORDS) {
      const chunk = more.slice(at, at + SEND_RECORDS);
      planted.sent += chunk.length;
      const ranges = await producer.send(chunk.map(({ record }) => record));
      for (const range of ranges) planted.addRange(range, { kind: 'in a new log', reason: undefined });
    }
    return more.length;
  } finally {
    await producer.disconnect();
  }
}

/** Records that must be accepted: at least so many for each partition. */
export function recordsBeyond(wanted: readonly number[], rng: Rng): readonly Pick<PoisonRecord, 'record'>[] {
  const missing = [...wanted];
  const records: Pick<PoisonRecord, 'record'>[] = [];
  const shop = newShop(rng);
  while (missing.some((count) => count > 0)) {
    const event = acceptableEvent(FAMILY, rng, shop);
    missing[event.partition] = (missing[event.partition] ?? 0) - 1;
    records.push({ record: recordOf(FAMILY, event) });
  }
  return records;
}

/** The partitions stop, whatever the length of the new log, and a resume changes nothing. */
async function staysStopped({ stack, offsets }: FaultContext, admin: Admin): Promise<string[]> {
  const message = ['the topic has the id', `npm run set-position -- validator --family ${FAMILY}`];
  // Without a restart the partitions are stopped since the topic had too many: a resume opens them.
  await resumeWhenItAnswers(stack);
  await stoppedWith(stack, message);
  await stack.service('validator').postAdmin('resume');
  await stoppedWith(stack, message);
  await othersGoOn({ stack, offsets }, 'validator', ({ topic }) => topic === TOPIC);
  const [group] = await admin.fetchOffsets({ groupId: `validator-${FAMILY}`, topics: [TOPIC] });
  const moved = group?.partitions.filter(({ offset }) => Number(offset) > 0) ?? [];
  return moved.map(
    ({ partition, offset }) => `${partitionName({ topic: TOPIC, partition })} was moved to ${offset} without a command`,
  );
}

const resumeWhenItAnswers = (stack: FaultStack): Promise<true> =>
  waitUntil(
    async () => {
      await stack.service('validator').postAdmin('resume');
      return true as const;
    },
    { what: 'the validator to answer', deadlineMs: RESUME_DEADLINE_MS, intervalMs: POLL_INTERVAL_MS },
  );

async function setPosition(stack: FaultStack): Promise<readonly PositionReport[]> {
  const lines = await stack
    .service('validator')
    .command(['set-position', '--family', FAMILY, '--all', '--to', 'beginning']);
  return lines.map((line) => positionReport.parse(JSON.parse(line)));
}

/** What the reports of `set-position --all --to beginning` must not say about a log that was re-created. */
export function problemsOf(reports: readonly PositionReport[]): string[] {
  return [
    ...(reports.length === PARTITIONS ? [] : [`set-position has reported ${String(reports.length)} partitions`]),
    ...reports.flatMap(({ partition, position, passedOver, otherLog }) => [
      ...(position === 0 ? [] : [`set-position has moved partition ${String(partition)} to ${String(position)}`]),
      ...(passedOver === 0
        ? []
        : [`set-position has passed over ${String(passedOver)} records of partition ${String(partition)}`]),
      ...(otherLog === null ? [`set-position has not seen that partition ${String(partition)} has another log`] : []),
    ]),
  ];
}

const statusOf = (stack: FaultStack): Promise<Partitions> => partitionsOf(stack, 'validator');

/** The partitions of the topic that count by the contract. */
const ofTopic = (partitions: Partitions): Partitions => partitions.filter(({ topic }) => topic === TOPIC);

const isRunning = (partitions: Partitions): boolean => {
  const own = ofTopic(partitions);
  return own.length === PARTITIONS && own.every(({ state }) => state === 'running');
};

/** Why not all partitions of the topic, or others, have stopped with these texts. Undefined: they have. */
export function notStopped(partitions: Partitions, texts: readonly string[]): string | undefined {
  const own = ofTopic(partitions);
  if (own.length < PARTITIONS) return `${String(own.length)} partitions of ${TOPIC}`;
  const other = own.find(
    ({ state, error = '' }) => state !== 'stopped' || !texts.every((text) => error.includes(text)),
  );
  if (other !== undefined) return `${partitionName(other)} ${other.state}: ${other.error ?? ''}`;
  const further = partitions.find(({ topic, state }) => topic !== TOPIC && state === 'stopped');
  return further && `${partitionName(further)} has stopped too: ${further.error ?? ''}`;
}

/** @throws DeadlineError */
const stoppedWith = (stack: FaultStack, texts: readonly string[]): Promise<void> =>
  stopped(stack, 'validator', (partitions) => notStopped(partitions, texts), {
    what: `the partitions of ${TOPIC}, and no others,`,
    deadlineMs: NOTICE_DEADLINE_MS,
  });

export const TOPIC_FAULTS: readonly Fault[] = [reCreatedTopic];
