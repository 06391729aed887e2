import { fetchEndOffsets, fetchLogBounds, type KafkaRecord } from '@orderstream/kafka';
import { type Logger } from '@orderstream/observability';
import { type Admin, type Kafka } from 'kafkajs';
import { ChosenLetters } from './chosen-letters';
import { candidatesOf, chooseLetters, type ChosenPartition, followerCandidatesOf } from './choose-letters';
import { countDecision, DryRunCount, DryRunSource, type EvaluationSettings } from './dry-run';
import { readChosen } from './letter-reading';
import { type Preview } from './plan';
import { type CreatedEvent } from './plan-events';
import { type PlanLog } from './plan-log';
import { letterFilterOf } from './plan-request';
import { letterName, offsetIn } from './receipts';
import { ReplayTooLargeError, ReplayTopicMissingError } from './replay-errors';
import { KafkaPartitionIo } from './replay-io';
import { type IndexedLetters } from './indexed-letters';
import { type ReplayTopic } from './replay-topic';
import { ReturnedRecords } from './returned-records';

export interface PreviewOptions {
  readonly kafka: Kafka;
  readonly admin: Admin;
  readonly letters: IndexedLetters;
  readonly log: PlanLog;
  readonly settings: EvaluationSettings;
  readonly maxLetters: number;
  readonly clock: () => Date;
  readonly isErased?: ((record: KafkaRecord) => boolean) | undefined;
  readonly logger: Logger;
}

export interface PreviewResult {
  readonly preview: Preview;
  /** What was chosen, by partition. */
  readonly chosen: readonly (ChosenLetters | undefined)[];
  readonly receiptsFrom: readonly number[];
  readonly parkedFrom: readonly number[];
}

const SAMPLES = 5;

/**
 * Chooses the letters of a plan and evaluates them. Bounded memory: of a letter it holds the offset, and while its partition
 * is read its place in the order.
 *
 * @throws ReplayTooLargeError, ReplayTopicMissingError; the signal's reason
 */
export async function previewPlan(
  created: CreatedEvent,
  topic: ReplayTopic,
  options: PreviewOptions,
  signal: AbortSignal,
): Promise<PreviewResult> {
  const { kafka, admin, letters, log, maxLetters, clock } = options;
  const existing = new Set(await admin.listTopics());
  for (const name of [topic.topic, topic.target]) if (!existing.has(name)) throw new ReplayTopicMissingError(name);
  const receiptsFrom = await fetchEndOffsets(admin, log.topic);
  const parkedFrom = existing.has(topic.parked) ? await fetchEndOffsets(admin, topic.parked) : [];
  const bounds = await fetchLogBounds(admin, topic.topic);
  await letters.caughtUp();
  await log.upToDate();

  const filter = letterFilterOf(created.filter, topic);
  const plan = { topic: topic.topic, family: topic.family, filter, followers: takesFollowers(created, topic) };
  const io = bounds.ends.map((_, partition) => new KafkaPartitionIo(kafka, topic.topic, partition, log.topic));
  const returned = await Promise.all(io.map((each, p) => returnedIn(each, log, topic.topic, p, signal)));
  const alreadyReturned = returned.map((offsets) => offsets.positions());
  let leftOut = 0;
  const isOpen = (partition: number, offset: number): boolean => {
    if (offset >= (bounds.ends[partition] ?? 0) || offset < (bounds.beginnings[partition] ?? 0)) return false;
    const isReturned = alreadyReturned[partition]?.of(offset) !== undefined;
    if (isReturned) leftOut++;
    return !isReturned;
  };
  const candidates = await candidatesOf(letters.index, filter, isOpen, maxLetters);
  const returnedBefore = leftOut;
  const possible = plan.followers ? await followerCandidatesOf(letters.index, filter, isOpen, maxLetters) : [];

  const records = new ReturnedRecords(
    { id: created.plan, edit: created.edit, options: created.options, isErased: options.isErased },
    topic,
  );
  const source = new DryRunSource(kafka, options.settings, existing, options.logger);
  const count = new DryRunCount();
  const found: ChosenPartition[] = [];
  const samples: string[] = [];
  let otherPartition = 0;
  let unread = 0;
  for (const [partition, partitionIo] of io.entries()) {
    const none = new ChosenLetters(1);
    const ofFilter = candidates[partition];
    if (ofFilter === undefined) continue;
    const chosen = await chooseLetters(plan, partitionIo, ofFilter, possible[partition] ?? none, signal);
    found[partition] = chosen;
    if (total(found) > maxLetters) throw new ReplayTooLargeError(topic.topic, maxLetters);
    if (chosen.letters.length === 0) continue;
    const evaluates = topic.app === 'validator';
    const dryRun = evaluates ? await source.partition(topic.family, partition, clock(), signal) : undefined;
    if (evaluates && dryRun === undefined) unread++;
    await readChosen(
      partitionIo,
      chosen.letters,
      () => true,
      (record) => {
        if (record === undefined) return Promise.resolve();
        const decision = records.decide(record);
        countDecision(decision, dryRun, count);
        if (decision.kind === 'return' && decision.record.partition !== partition) otherPartition++;
        if (samples.length < SAMPLES) samples.push(letterName(topic.topic, partition, record.offset));
        return Promise.resolve();
      },
      signal,
    );
  }
  const sums = { letters: sum(found, ({ ofFilter }) => ofFilter), followers: sum(found, ({ followers }) => followers) };
  const { comparedWith, differences } = options.settings.comparison;
  const warnings = warningsOf(topic, options.settings.comparison, {
    'letters were returned by an earlier plan and are left out': returnedBefore,
    'records of the topic are no dead letters and are left out': sum(found, ({ unreadable }) => unreadable),
    'letters are not in the index any more, and were not looked for': letters.index.forgotten,
    'letters are not the whole record: they are rejected unless they are edited': count.failed('replay.incomplete'),
    'letters are duplicates: they are rejected unless they are edited or includeDuplicates is set':
      count.failed('replay.duplicate'),
    'letters do not meet the contract with this edit, and are rejected': count.failed('replay.edit_rejected'),
    'letters return to the partition of their key, which is not theirs: their order against its letters is not defined':
      otherPartition,
    'partitions have no state of the validator that can be read: their letters are undecided': unread,
    'settings at run time are of another version, and the dry run leaves them out': options.settings.problems.length,
  });
  const upTo = Object.fromEntries(bounds.ends.entries());
  const dryRun = count.finish();
  const preview: Preview = {
    at: clock().toISOString(),
    upTo,
    ...sums,
    total: sums.letters + sums.followers,
    samples,
    settings: {
      version: options.settings.quality.version,
      revision: options.settings.revision,
      ...(topic.app === 'validator' && { comparedWith, differences }),
    },
    dryRun,
    warnings,
  };
  return { preview, chosen: found.map(({ letters: each }) => each), receiptsFrom, parkedFrom };
}

const takesFollowers = ({ options }: CreatedEvent, { app, family }: ReplayTopic): boolean =>
  options.followers && app === 'validator' && family === 'orders';

const sum = (found: readonly ChosenPartition[], of: (one: ChosenPartition) => number): number =>
  found.reduce((total, one) => total + of(one), 0);
const total = (found: readonly ChosenPartition[]): number => sum(found, ({ letters }) => letters.length);

/** The letters of a partition that plans have returned or parked. */
async function returnedIn(
  io: KafkaPartitionIo,
  log: PlanLog,
  topic: string,
  partition: number,
  signal: AbortSignal,
): Promise<ChosenLetters> {
  const returned = new ChosenLetters();
  const from = log.firstReceipt(topic, partition);
  if (from === undefined) return returned;
  await io.readReceipts(
    from,
    ({ letter, outcome }) => {
      const offset = outcome === 'returned' || outcome === 'parked' ? offsetIn(topic, partition, letter) : undefined;
      if (offset !== undefined) returned.add(offset);
    },
    signal,
  );
  return returned;
}

function warningsOf(
  { app, target }: ReplayTopic,
  comparison: EvaluationSettings['comparison'],
  counts: Readonly<Record<string, number>>,
): string[] {
  const counted = Object.entries(counts).flatMap(([what, count]) => (count === 0 ? [] : [`${String(count)} ${what}.`]));
  const general =
    app === 'validator'
      ? `Records that producers write meanwhile can come before returned ones of the same key. The dry run has the state ` +
        'and the catalog of the validator as they are committed now: what is accepted until the start can change it.'
      : `The letters were accepted by the validator: whether ${app} accepts them now is known when it reads ${target}.`;
  return [...(app === 'validator' ? comparisonWarnings(comparison) : []), ...counted, general];
}

/** What a difference means, for each validator that evaluates by other settings. */
export function comparisonWarnings({
  comparedWith,
  differences,
  unknown = '',
}: EvaluationSettings['comparison']): string[] {
  if (comparedWith.length === 0) {
    return [`It is not known whether the validators evaluate by the settings of the dry run: ${unknown}.`];
  }
  const text = (value: string | number | null): string => (value === null ? 'not known' : String(value));
  return comparedWith.flatMap((service) => {
    const own = differences.filter((difference) => difference.service === service);
    if (own.length === 0) return [];
    const named = own.map(
      ({ setting, dryRun, validator }) => `${setting} is ${text(dryRun)}, there ${text(validator)}`,
    );
    return [
      `The dry run does not evaluate as ${service} does: ${named.join('; ')}. Give the console the settings of the ` +
        'validators, and preview again.',
    ];
  });
}
