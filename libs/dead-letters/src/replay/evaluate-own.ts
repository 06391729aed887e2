import { countDecision, DryRunCount } from './dry-run';
import { readChosen } from './letter-reading';
import { type ChosenTopic, counted, type Evaluation, Samples } from './preview-evaluation';
import { type ReplayTopic } from './replay-topic';
import { ReturnedRecords } from './returned-records';

/** Evaluates the letters of a service: with the rules, if they are of the validator. @throws the signal's reason */
export async function evaluateOwn(
  topic: ReplayTopic,
  { created, io, chosen, source, isErased, clock }: ChosenTopic,
  signal: AbortSignal,
): Promise<Evaluation> {
  const { plan: id, edit, options } = created;
  const records = new ReturnedRecords({ id, edit, options, isErased }, topic);
  const count = new DryRunCount();
  const samples = new Samples(topic.topic);
  let otherPartition = 0;
  let unread = 0;
  for (const [partition, partitionIo] of io.entries()) {
    const letters = chosen[partition];
    if (letters === undefined || letters.length === 0) continue;
    const evaluates = topic.app === 'validator';
    const dryRun = evaluates ? await source.partition(topic.family, partition, clock(), signal) : undefined;
    if (evaluates && dryRun === undefined) unread++;
    await readChosen(
      partitionIo,
      letters,
      () => true,
      (record) => {
        if (record === undefined) return Promise.resolve();
        const decision = records.decide(record);
        countDecision(decision, dryRun, count);
        if (decision.kind === 'return' && decision.record.partition !== partition) otherPartition++;
        samples.add(partition, record.offset);
        return Promise.resolve();
      },
      signal,
    );
  }
  const warnings = counted({
    'letters are not the whole record: they are rejected unless they are edited': count.failed('replay.incomplete'),
    'letters are duplicates: they are rejected unless they are edited or includeDuplicates is set':
      count.failed('replay.duplicate'),
    'letters do not meet the contract with this edit, and are rejected': count.failed('replay.edit_rejected'),
    'letters return to the partition of their key, which is not theirs: their order against its letters is not defined':
      otherPartition,
    'partitions have no state of the validator that can be read: their letters are undecided': unread,
  });
  return {
    dryRun: count.finish(),
    samples: samples.letters,
    warnings: [...warnings, generalOf(topic)],
    byRules: topic.app === 'validator',
  };
}

const generalOf = ({ app, target }: ReplayTopic): string =>
  app === 'validator'
    ? `Records that producers write meanwhile can come before returned ones of the same key. The dry run has the state ` +
      'and the catalog of the validator as they are committed now: what is accepted until the start can change it.'
    : `The letters were accepted by the validator: whether ${app} accepts them now is known when it reads ${target}.`;
