import { deadLetterTopic, type Family, parkedTopic, rawTopic } from '@orderstream/contracts';
import { fetchEndOffsets, type KafkaRecord } from '@orderstream/kafka';
import { type Admin } from 'kafkajs';
import { parseForeignLetter } from '../import/foreign-letter';
import { countDecision, DryRunCount } from './dry-run';
import { ForeignRecords } from './foreign-records';
import { readChosen } from './letter-reading';
import { type PreviewSource } from './plan';
import { type ChosenTopic, counted, type Evaluation, Samples } from './preview-evaluation';
import { familyOfRaw, type SourceCount, type SourceTopics } from './source-topics';

/** A partition of a raw topic to which letters return. */
interface RawPartition {
  readonly family: Family;
  readonly partition: number;
}

/** Topics that a warning names. */
const MAX_NAMED = 5;

/**
 * Evaluates the letters of another program: where they return to, and what the rules say of those that return to a raw topic.
 * The state of one partition of the validator is in memory at a time, so that the letters are read again for each of them.
 *
 * @throws the signal's reason
 */
export async function evaluateForeign(
  count: SourceCount,
  sources: Pick<SourceTopics, 'find' | 'refresh'>,
  letters: ChosenTopic & { readonly admin: Admin; readonly existing: ReadonlySet<string> },
  signal: AbortSignal,
): Promise<Evaluation> {
  const { created, isErased } = letters;
  const { plan: id, edit, options } = created;
  await sources.refresh();
  const records = new ForeignRecords({ id, edit, options, isErased }, sources);
  const dryRun = new DryRunCount();
  const samples = new Samples(letters.topic);
  const raw = new Map<string, RawPartition>();
  let otherPartition = 0;
  let withoutRules = 0;
  await readAll(
    letters,
    (record, partition) => {
      samples.add(partition, record.offset);
      const decision = records.decide(record);
      if (decision.kind !== 'return') {
        dryRun.fail(decision.code);
        return;
      }
      const { record: returned } = decision;
      if (returned.partition !== parseForeignLetter(record)?.source.partition) otherPartition++;
      const family = familyOfRaw(returned.topic);
      if (family !== undefined) {
        raw.set(`${family}/${String(returned.partition)}`, { family, partition: returned.partition });
        return;
      }
      withoutRules++;
      dryRun.leaveUndecided();
    },
    signal,
  );
  const unread = await evaluateRaw(raw.values(), records, letters, dryRun, signal);
  const found = sourcesOf(count, sources);
  const warnings = [
    ...counted({
      'letters name no source topic, or one to which they cannot return, and are rejected: `sources` says why':
        dryRun.failed('replay.source_topic') + dryRun.failed('replay.source_unknown'),
      'letters have failed too often, and are rejected': dryRun.failed('replay.attempts'),
      'letters are rejected with this edit: it does not apply, their value is not JSON, or it breaks the contract of a raw topic':
        dryRun.failed('replay.edit_rejected'),
      'letters return to another partition than that of their record, as the topic does not have it any more, or by their key: their order against its records is not defined':
        otherPartition,
      'letters return to topics without rules: no dry run evaluates them, and no followers are taken along':
        withoutRules,
      'partitions have no state of the validator that can be read: their letters are undecided': unread,
    }),
    ...(edit !== undefined && withoutRules > 0
      ? ['No contract checks the edit, except for letters that return to a raw topic.']
      : []),
    ...consumersWarning(found),
  ];
  const rejectedFrom = await endsOfRejected(raw.values(), letters);
  return {
    ...{ dryRun: dryRun.finish(), samples: samples.letters, sources: found, rejectedFrom, warnings },
    byRules: raw.size > 0,
  };
}

/** @returns partitions whose state cannot be read */
async function evaluateRaw(
  raw: Iterable<RawPartition>,
  records: ForeignRecords,
  letters: ChosenTopic,
  count: DryRunCount,
  signal: AbortSignal,
): Promise<number> {
  let unread = 0;
  for (const { family, partition } of raw) {
    const dryRun = await letters.source.partition(family, partition, letters.clock(), signal);
    if (dryRun === undefined) unread++;
    await readAll(
      letters,
      (record) => {
        const decision = records.decide(record);
        if (decision.kind !== 'return') return;
        const { record: returned } = decision;
        if (returned.topic === rawTopic(family) && returned.partition === partition) {
          countDecision(decision, dryRun, count);
        }
      },
      signal,
    );
  }
  return unread;
}

async function readAll(
  { io, chosen }: ChosenTopic,
  take: (record: KafkaRecord, partition: number) => void,
  signal: AbortSignal,
): Promise<void> {
  for (const [partition, partitionIo] of io.entries()) {
    const letters = chosen[partition];
    if (letters === undefined || letters.length === 0) continue;
    await readChosen(
      partitionIo,
      letters,
      () => true,
      (record) => {
        if (record !== undefined) take(record, partition);
        return Promise.resolve();
      },
      signal,
    );
  }
}

function sourcesOf(count: SourceCount, sources: Pick<SourceTopics, 'find'>): PreviewSource[] {
  return count.list().map(([topic, letters]) => {
    if (topic === '') return { topic, letters, problem: 'the headers of these letters name no source topic' };
    const found = sources.find(topic);
    return { topic, letters, ...('problem' in found ? { problem: found.problem } : {}) };
  });
}

function consumersWarning(sources: readonly PreviewSource[]): string[] {
  const names = sources.flatMap(({ topic, problem }) => (problem === undefined ? [topic] : []));
  if (names.length === 0) return [];
  const others = names.length > MAX_NAMED ? ` and ${String(names.length - MAX_NAMED)} more` : '';
  return [
    `Every consumer of ${names.slice(0, MAX_NAMED).join(', ')}${others} reads the returned records again, not only the ` +
      'program that failed: start only if each of them tolerates a record twice.',
  ];
}

/** The validator rejects what returns to a raw topic into its own dead letters. */
async function endsOfRejected(
  raw: Iterable<RawPartition>,
  { admin, existing }: { readonly admin: Admin; readonly existing: ReadonlySet<string> },
): Promise<Readonly<Record<string, readonly number[]>>> {
  const families = new Set(Array.from(raw, ({ family }) => family));
  const ends: Record<string, readonly number[]> = {};
  for (const family of families) {
    const topic = deadLetterTopic(rawTopic(family), 'validator');
    for (const name of [topic, parkedTopic(topic)]) {
      if (existing.has(name)) ends[name] = await fetchEndOffsets(admin, name);
    }
  }
  return ends;
}
