import { type KafkaRecord } from '@orderstream/kafka';
import { type Admin } from 'kafkajs';
import { type WatchedTopics } from './came-back';
import { ForeignRecords } from './foreign-records';
import { type PlanRecord } from './plan-events';
import { type PlanLog } from './plan-log';
import { type LetterTopic } from './replay-topic';
import { type RecordDecisions, ReturnedRecords } from './returned-records';
import { SourceReaders, SourceTopics } from './source-topics';

export interface ReturningOptions {
  readonly admin: Admin;
  readonly log: Pick<PlanLog, 'tally'>;
  readonly foreignTopics: ReadonlySet<string>;
  readonly isErased?: ((record: KafkaRecord) => boolean) | undefined;
}

/** What the replay of a plan does with the letters of its topic, and where it sees their fate. */
export interface Returning {
  readonly records: RecordDecisions;
  readonly watched: WatchedTopics;
  /** Largest record batch that a topic takes, where it is not one of this system. */
  readonly maxBytesOf?: (topic: string) => number | undefined;
  /** To be called with the topics of committed records, before anybody asks for their fate. */
  readonly onReturned?: (topic: string) => void;
}

export function returningOf(plan: PlanRecord, topic: LetterTopic, options: ReturningOptions): Returning {
  const { created, preview, parkedFrom = [], rejectedFrom = {} } = plan;
  const { plan: id, edit, options: of } = created;
  const { admin, log, foreignTopics, isErased } = options;
  const deciding = { id, edit, options: of, isErased };
  const letters = Object.values(preview?.upTo ?? {});
  if (topic.kind === 'own') {
    return {
      records: new ReturnedRecords(deciding, topic),
      watched: {
        rejected: { [topic.topic]: letters, ...(parkedFrom.length === 0 ? {} : { [topic.parked]: parkedFrom }) },
        targets: () => [topic.target],
        groupsOf: () => Promise.resolve([topic.groupId]),
      },
    };
  }
  const names = (preview?.sources ?? []).map(({ topic: name }) => name);
  const sources = new SourceTopics(admin, names, new Set([...foreignTopics, topic.topic]));
  const readers = new SourceReaders(admin);
  // The record of the plans shows the last receipts a moment later.
  const returnedTo = new Set<string>();
  return {
    records: new ForeignRecords(deciding, sources),
    watched: {
      rejected: { [topic.topic]: letters, ...rejectedFrom },
      targets: () => new Set([...log.tally(id).targets, ...returnedTo]),
      groupsOf: (target) => readers.of(target),
    },
    maxBytesOf: sources.maxBytesOf,
    onReturned: (name) => returnedTo.add(name),
  };
}
