import { fetchEndOffsets, fetchLogBounds, type KafkaRecord } from '@orderstream/kafka';
import { type Logger } from '@orderstream/observability';
import { type Admin, type Kafka } from 'kafkajs';
import { ChosenLetters } from './chosen-letters';
import { parseForeignLetter } from '../import/foreign-letter';
import {
  candidatesOf,
  chooseLetters,
  type ChoosingPlan,
  type ChosenPartition,
  followerCandidatesOf,
  parseOwn,
} from './choose-letters';
import { DryRunSource, type EvaluationSettings } from './dry-run';
import { evaluateForeign } from './evaluate-foreign';
import { evaluateOwn } from './evaluate-own';
import { type Preview } from './plan';
import { type CreatedEvent } from './plan-events';
import { type PlanLog } from './plan-log';
import { letterFilterOf } from './plan-request';
import { counted } from './preview-evaluation';
import { offsetIn } from './receipts';
import { ReplayTooLargeError, ReplayTopicMissingError } from './replay-errors';
import { KafkaPartitionIo } from './replay-io';
import { type IndexedLetters } from './indexed-letters';
import { type LetterTopic } from './replay-topic';
import { SourceCount, SourceTopics } from './source-topics';

export interface PreviewOptions {
  readonly kafka: Kafka;
  readonly admin: Admin;
  readonly letters: IndexedLetters;
  readonly log: PlanLog;
  /** Dead-letter topics of other programs. */
  readonly foreignTopics: ReadonlySet<string>;
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
  readonly rejectedFrom?: Readonly<Record<string, readonly number[]>> | undefined;
}

/**
 * Chooses the letters of a plan and evaluates them. Bounded memory: of a letter it holds the offset, and while its partition
 * is read its place in the order.
 *
 * @throws ReplayTooLargeError, ReplayTopicMissingError; the signal's reason
 */
export async function previewPlan(
  created: CreatedEvent,
  topic: LetterTopic,
  options: PreviewOptions,
  signal: AbortSignal,
): Promise<PreviewResult> {
  const { kafka, admin, letters, log, maxLetters, clock } = options;
  const existing = new Set(await admin.listTopics());
  const isOwn = topic.kind === 'own';
  for (const name of isOwn ? [topic.topic, topic.target] : [topic.topic]) {
    if (!existing.has(name)) throw new ReplayTopicMissingError(name);
  }
  const receiptsFrom = await fetchEndOffsets(admin, log.topic);
  const parkedFrom = isOwn && existing.has(topic.parked) ? await fetchEndOffsets(admin, topic.parked) : [];
  const bounds = await fetchLogBounds(admin, topic.topic);
  await letters.caughtUp();
  await log.upToDate();

  const filter = letterFilterOf(created.filter, topic);
  const sources = new SourceCount();
  const plan: ChoosingPlan = {
    ...{ topic: topic.topic, filter, followers: takesFollowers(created, topic) },
    parse: isOwn ? parseOwn : parseForeignLetter,
    onChosen: ({ source }) => {
      if (!isOwn) sources.add(source.topic);
    },
  };
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

  const found: ChosenPartition[] = [];
  for (const [partition, partitionIo] of io.entries()) {
    const ofFilter = candidates[partition];
    if (ofFilter === undefined) continue;
    const followers = possible[partition] ?? new ChosenLetters(1);
    found[partition] = await chooseLetters(plan, partitionIo, ofFilter, followers, signal);
    if (total(found) > maxLetters) throw new ReplayTooLargeError(topic.topic, maxLetters);
  }
  const chosen = found.map(({ letters: each }) => each);
  const source = new DryRunSource(kafka, options.settings, existing, options.logger);
  const ofTopic = { topic: topic.topic, created, io, chosen, source, isErased: options.isErased, clock };
  const evaluated = isOwn
    ? await evaluateOwn(topic, ofTopic, signal)
    : await evaluateForeign(
        sources,
        new SourceTopics(
          admin,
          sources.list().map(([name]) => name),
          options.foreignTopics,
        ),
        { ...ofTopic, admin, existing },
        signal,
      );
  const sums = { letters: sum(found, ({ ofFilter }) => ofFilter), followers: sum(found, ({ followers }) => followers) };
  const { comparedWith, differences } = options.settings.comparison;
  const warnings = [
    ...(evaluated.byRules ? comparisonWarnings(options.settings.comparison) : []),
    ...counted({
      'letters were returned by an earlier plan and are left out': returnedBefore,
      'records of the topic are no dead letters and are left out': sum(found, ({ unreadable }) => unreadable),
      'letters are not in the index any more, and were not looked for': letters.index.forgotten,
      'settings at run time are of another version, and the dry run leaves them out': options.settings.problems.length,
    }),
    ...evaluated.warnings,
  ];
  const preview: Preview = {
    at: clock().toISOString(),
    upTo: Object.fromEntries(bounds.ends.entries()),
    ...sums,
    total: sums.letters + sums.followers,
    samples: evaluated.samples,
    settings: {
      version: options.settings.quality.version,
      revision: options.settings.revision,
      ...(evaluated.byRules && { comparedWith, differences }),
    },
    dryRun: evaluated.dryRun,
    ...(evaluated.sources === undefined ? {} : { sources: evaluated.sources }),
    warnings,
  };
  return { preview, chosen, receiptsFrom, parkedFrom, rejectedFrom: evaluated.rejectedFrom };
}

const takesFollowers = ({ options }: CreatedEvent, topic: LetterTopic): boolean =>
  options.followers && topic.kind === 'own' && topic.app === 'validator' && topic.family === 'orders';

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
