import { deadLetterTopic, type Family, rawTopic, UNREADABLE_BATCH, validatedTopic } from '@orderstream/contracts';
import { type DeadLetter, parseDeadLetter } from '@orderstream/dead-letters';
import { waitUntil } from '@orderstream/deadlines';
import { encodeRecordBatch, partitionName, readPartition, type TopicPartition } from '@orderstream/kafka';
import { type Rng } from '@orderstream/random';
import { z } from 'zod';

import { type FaultStack } from '../stack/fault-stack';
import { produceBatch } from '../stack/produce-batch';
import { findBatch, segmentFolder, type StoredBatch, writeByte } from '../stack/stored-batch';
import { type Fault, type FaultContext } from './fault';
import { othersGoOn, type Partitions, partitionsOf, RESUME_DEADLINE_MS, stopped } from './partitions';
import { acceptableEvent, newShop } from './poison-events';
import { type PoisonRecord, recordOf } from './poison-records';
import { NO_PRODUCER } from './send-poison';
import { shutDown } from './shutdown';
import { stopBrokerCleanly, withoutCommits } from './stop-broker';

const RECORDS = 40;
/** A service reaches the batch behind what has waited for it. */
const STOP_DEADLINE_MS = 90_000;
const POLL_INTERVAL_MS = 250;
/** Readiness and log follow the status within this time. */
const NAMED_DEADLINE_MS = 10_000;

/**
 * Not the catalog: orders that name a vendor of a batch that is skipped, or waits, are dead-lettered. Not the validated orders:
 * the bridge reads them, too, and stops as well.
 */
const TARGETS = [
  { app: 'validator', families: ['orders', 'interactions', 'customers'], topicOf: rawTopic },
  { app: 'bq-sink', families: ['interactions', 'customers'], topicOf: validatedTopic },
] as const;
type Target = (typeof TARGETS)[number]['app'];

/** What `set-position` reports of a batch that it has skipped. */
export interface SkipReport {
  readonly position: number;
  readonly firstOffset: number | undefined;
  readonly lastOffset: number | undefined;
  readonly records: number | undefined;
}

const skippedOffsets = z.object({ firstOffset: z.number(), lastOffset: z.number() });
const REPORTS: Readonly<Record<Target, z.ZodType<SkipReport>>> = {
  validator: z
    .object({ position: z.number(), passedOver: z.number(), deadLetteredBatch: skippedOffsets.nullable() })
    .transform(({ position, passedOver, deadLetteredBatch: batch }) => ({
      position,
      firstOffset: batch?.firstOffset,
      lastOffset: batch?.lastOffset,
      records: passedOver,
    })),
  'bq-sink': z
    .object({ position: z.number(), skipped: skippedOffsets.extend({ records: z.number() }).nullable() })
    .transform(({ position, skipped }) => ({
      position,
      firstOffset: skipped?.firstOffset,
      lastOffset: skipped?.lastOffset,
      records: skipped?.records,
    })),
};

/** Where the batch is, and who has to stop at it. */
interface DamagedPlace extends TopicPartition {
  readonly app: Target;
  readonly family: Family;
  readonly firstOffset: number;
}

/**
 * A batch of good records is damaged on the disk of the broker. The partition must stop at it, and the operator's command must
 * lead past it, with one dead letter.
 *
 * The damage lasts only as long as the fault. A broker that is killed verifies its last segment when it starts, and truncates
 * the log before the first damaged batch, with everything behind it: a later fault would lose acknowledged records. And the
 * comparison reads the whole log.
 */
const damagedBatch: Fault = {
  name: 'damaged batch',
  description: `a byte of a batch of ${String(RECORDS)} records is changed on the disk of the broker; set-position leads past it`,
  claims: ['kafka', 'validator', 'bq-sink', 'order-generator', 'pubsub-bridge'],
  recovers: ['validator', 'bq-sink', 'pubsub-bridge', 'order-generator'],
  isAlone: true,
  async inject(context) {
    const { stack, rng } = context;
    const { app, families, topicOf } = rng.pick(TARGETS);
    const family = rng.pick(families);
    const made = recordsOfOnePartition(family, RECORDS, rng);
    const ref = { topic: topicOf(family), partition: made[0]?.record.partition ?? 0 };
    let undoDamage: (() => void) | undefined;
    try {
      const shutdown = await shutDown(context, app);
      const firstOffset = await plant(context, app, ref, made);
      const place: DamagedPlace = { ...ref, app, family, firstOffset };
      const { at, damaged } = await withoutCommits(context, app, async () => {
        await stopBrokerCleanly(stack);
        const batch = findBatch(segmentFolder(stack.kafkaLogs, place), firstOffset);
        const at = byteOfValue(batch, made, rng);
        const before = batch.bytes[at] ?? 0;
        const damaged = Buffer.from(batch.bytes);
        damaged.writeUInt8(before ^ 1, at);
        undoDamage = () => {
          writeByte(batch, at, before);
        };
        writeByte(batch, at, before ^ 1);
        await stack.backend('kafka').up();
        await stack.backend('kafka').ready();
        return { at, damaged };
      });
      const startedAt = performance.now();
      await stack.instance(app).up();
      await stops(context, place);
      const seconds = (performance.now() - startedAt) / 1_000;
      await othersGoOn(context, app, (other) => isSame(other, place));
      const broken = [...shutdown.broken, ...(await staysStopped(context, place))];
      const report = await skip(stack, place);
      await stack.service(app).postAdmin('resume');
      await goesOn(context, place);
      broken.push(
        ...problemsOfReport(report, place),
        ...problemsOfLetters(await lettersOf(stack, place), place, damaged),
      );
      return {
        detail: `${partitionName(place)}@${String(firstOffset)}, byte ${String(at)} of ${String(damaged.length)}, ${app} stopped after ${seconds.toFixed(1)} s`,
        broken,
        measures: { 'stopped, s': seconds },
      };
    } finally {
      // The broker reads the file at each fetch.
      undoDamage?.();
      await stack.backend('kafka').up();
      await stack.instance(app).up();
    }
  },
};

/** Records that no rule rejects, all of one partition. */
export function recordsOfOnePartition(
  family: Family,
  count: number,
  rng: Rng,
): readonly Pick<PoisonRecord, 'record'>[] {
  const shop = newShop(rng);
  const records: Pick<PoisonRecord, 'record'>[] = [];
  let partition: number | undefined;
  while (records.length < count) {
    const event = acceptableEvent(family, rng, shop);
    if (event.partition === (partition ??= event.partition)) records.push({ record: recordOf(family, event) });
  }
  return records;
}

/** @returns the offset of the first record */
async function plant(
  { stack, planted }: FaultContext,
  app: Target,
  ref: TopicPartition,
  made: readonly Pick<PoisonRecord, 'record'>[],
): Promise<number> {
  const batch = await encodeRecordBatch(
    made.map(({ record }) => record),
    NO_PRODUCER,
    Date.now(),
  );
  if (app === 'validator') planted.sent += made.length;
  const first = await produceBatch(stack.endpoints.kafka, ref, batch);
  planted.addRange(
    { ...ref, baseOffset: first, count: made.length },
    { kind: 'in a damaged batch', reason: undefined, isPassedOver: true },
  );
  return first;
}

/** A byte of a value: the records can be decoded, and only the CRC shows the damage. */
function byteOfValue({ bytes, file }: StoredBatch, made: readonly Pick<PoisonRecord, 'record'>[], rng: Rng): number {
  const { value } = rng.pick(made).record;
  const start = value === null ? -1 : bytes.indexOf(value);
  if (value === null || start < 0) throw new RangeError(`the batch in ${file} is not the one that was sent`);
  return start + rng.between(0, value.length - 1);
}

const isSame = (one: TopicPartition, other: TopicPartition): boolean =>
  one.topic === other.topic && one.partition === other.partition;

/** The command that the message of the partition must name. */
const commandOf = ({ app, family, partition }: DamagedPlace): readonly string[] => [
  app,
  '--family',
  family,
  '--partition',
  String(partition),
  '--to',
  'next-batch',
];

/** Why not this partition has stopped at the batch, with the way on. Undefined: it has. */
export function notStoppedAt(partitions: Partitions, place: DamagedPlace): string | undefined {
  const found = partitions.find((each) => isSame(each, place));
  if (found === undefined) return `${partitionName(place)} is not assigned`;
  const { state, error = '' } = found;
  const { firstOffset } = place;
  const texts = [
    `${partitionName(place)}@${String(firstOffset)} (offsets ${String(firstOffset)} to ${String(firstOffset + RECORDS - 1)}, ${String(RECORDS)} records, `,
    'cannot be decoded: its CRC-32C differs from its bytes',
    `\`npm run set-position -- ${commandOf(place).join(' ')}\`, then \`POST /admin/resume\``,
  ];
  const isNamed = state === 'stopped' && texts.every((text) => error.includes(text));
  return isNamed ? undefined : `${partitionName(place)} ${state}: ${error}`;
}

/** Status, readiness and log name the batch, and the code of its error. @throws DeadlineError */
async function stops({ stack }: FaultContext, place: DamagedPlace): Promise<void> {
  const { app, topic, partition } = place;
  await stopped(stack, app, (partitions) => notStoppedAt(partitions, place), {
    what: partitionName(place),
    deadlineMs: STOP_DEADLINE_MS,
  });
  await waitUntil(
    async () => {
      const { isReady, text } = await stack.service(app).health();
      const waiting = `"topic":"${topic}","partition":${String(partition)},"state":"stopped"`;
      const isLogged = stack
        .instance(app)
        .hasLogged('LOG_UNREADABLE', 'partition stopped', `"topic":"${topic}"`, `"partition":${String(partition)},`);
      if (!isReady && text.includes(waiting) && isLogged) return true;
      throw new Error(`ready: ${String(isReady)}, ${text}; the log ${isLogged ? 'names' : 'does not name'} the code`);
    },
    {
      what: `the readiness and the log of ${app} to name ${partitionName(place)}`,
      deadlineMs: NAMED_DEADLINE_MS,
      intervalMs: POLL_INTERVAL_MS,
    },
  );
}

/** A resume alone changes nothing: the partition stops again, at the batch, and nothing is written for it. */
async function staysStopped(context: FaultContext, place: DamagedPlace): Promise<string[]> {
  const { stack, offsets } = context;
  await stack.service(place.app).postAdmin('resume');
  await stops(context, place);
  const committed = (await offsets.committed(place.app)).get(partitionName(place)) ?? 0;
  const letters = await lettersOf(stack, place);
  return [
    ...(committed <= place.firstOffset
      ? []
      : [`${partitionName(place)} was moved to ${String(committed)} without a command`]),
    ...(letters.length === 0 ? [] : [`${String(letters.length)} dead letters of a batch before the command`]),
  ];
}

async function skip(stack: FaultStack, place: DamagedPlace): Promise<SkipReport> {
  const [app, ...args] = commandOf(place);
  const lines = await stack.service(place.app).command(['set-position', ...args]);
  const [line = ''] = lines;
  if (lines.length !== 1)
    throw new Error(`set-position of ${String(app)} has reported ${String(lines.length)} partitions`);
  return REPORTS[place.app].parse(JSON.parse(line));
}

/** What the report of `set-position --to next-batch` must not say. */
export function problemsOfReport(report: SkipReport, { firstOffset }: Pick<DamagedPlace, 'firstOffset'>): string[] {
  const expected: SkipReport = {
    position: firstOffset + RECORDS,
    firstOffset,
    lastOffset: firstOffset + RECORDS - 1,
    records: RECORDS,
  };
  return (Object.keys(expected) as (keyof SkipReport)[])
    .filter((name) => report[name] !== expected[name])
    .map((name) => `set-position reports ${name} ${String(report[name])}, not ${String(expected[name])}`);
}

/** The partition runs, and has committed a record behind the batch. @throws DeadlineError */
async function goesOn({ stack, offsets }: FaultContext, place: DamagedPlace): Promise<void> {
  await waitUntil(
    async () => {
      const found = (await partitionsOf(stack, place.app)).find((each) => isSame(each, place));
      const committed = (await offsets.committed(place.app)).get(partitionName(place)) ?? 0;
      if (found?.state === 'running' && committed > place.firstOffset + RECORDS) return true;
      throw new Error(`${String(found?.state)} at ${String(committed)}: ${found?.error ?? ''}`);
    },
    {
      what: `${partitionName(place)} to go on behind the batch`,
      deadlineMs: RESUME_DEADLINE_MS,
      intervalMs: POLL_INTERVAL_MS,
    },
  );
}

/** The dead letters of record batches from this partition. */
async function lettersOf(stack: FaultStack, { app, topic, partition }: DamagedPlace): Promise<readonly DeadLetter[]> {
  const letters: DeadLetter[] = [];
  const range = { topic: deadLetterTopic(topic, app), partition, from: 'beginning', until: 'end' } as const;
  await readPartition(stack.kafka(), range, ({ records }) => {
    letters.push(...records.map(parseDeadLetter).filter(({ batch }) => batch !== undefined));
  });
  return letters;
}

/** What is not as it must be: one dead letter, with the bytes of the damaged batch, its offsets and its count. */
export function problemsOfLetters(
  letters: readonly Pick<DeadLetter, 'reason' | 'source' | 'batch' | 'cut' | 'value'>[],
  { topic, partition, firstOffset }: Pick<DamagedPlace, 'topic' | 'partition' | 'firstOffset'>,
  damaged: Buffer,
): string[] {
  const [letter] = letters;
  if (letter === undefined || letters.length > 1) return [`${String(letters.length)} dead letters of the batch`];
  const { reason, source, batch, value, cut } = letter;
  const expected = {
    firstOffset,
    lastOffset: firstOffset + RECORDS - 1,
    records: RECORDS,
    baseOffset: firstOffset,
    bytes: damaged.length,
  };
  const names = Object.keys(expected) as (keyof typeof expected)[];
  return [
    ...(reason === UNREADABLE_BATCH ? [] : [`the dead letter of the batch has the reason ${reason}`]),
    ...(isSame(source, { topic, partition }) && source.offset === firstOffset
      ? []
      : [`the dead letter of the batch names ${partitionName(source)}@${String(source.offset)}`]),
    ...names
      .filter((name) => batch?.[name] !== expected[name])
      .map((name) => `the dead letter has ${name} ${String(batch?.[name])}, not ${String(expected[name])}`),
    ...(cut === undefined && value?.equals(damaged) === true
      ? []
      : ['the dead letter has other bytes than the damaged batch']),
  ];
}

export const DAMAGE_FAULTS: readonly Fault[] = [damagedBatch];
