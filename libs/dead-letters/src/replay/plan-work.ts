import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import { type Logger } from '@orderstream/observability';
import { type Admin, type Kafka } from 'kafkajs';
import { type KafkaRecord, readPartition } from '@orderstream/kafka';
import { randomUUID } from 'node:crypto';
import { KafkaFate } from './came-back';
import { CanaryGate } from './canary-gate';
import { ChosenLetters } from './chosen-letters';
import { type EvaluationSettings } from './dry-run';
import { type IndexedLetters } from './indexed-letters';
import { mayPass, PartitionReplay, type ReplayFaults } from './partition-replay';
import { type PlanAction, type PlanProblem } from './plan';
import { type ChangedEvent, type ChosenEvent, type PlanRecord } from './plan-events';
import { type PlanLog } from './plan-log';
import { PlanRun, type RunEnd } from './plan-run';
import { previewPlan, type PreviewResult } from './preview-plan';
import { RateLimit } from './rate-limit';
import { decodeReplayRecord, receiptPartition } from './receipts';
import { ReplayInvalidError, ReplayTopicMissingError } from './replay-errors';
import { KafkaPartitionIo } from './replay-io';
import { type LetterTopic, replayTopicOf } from './replay-topic';
import { returningOf } from './returning';

export interface PlanWorkOptions {
  readonly kafka: Kafka;
  readonly admin: Admin;
  readonly log: PlanLog;
  readonly letters: IndexedLetters;
  /** Dead-letter topics of other programs, whose letters the index has. */
  readonly foreignTopics: ReadonlySet<string>;
  readonly settings: () => Promise<EvaluationSettings>;
  readonly maxLetters: number;
  readonly clock: () => Date;
  readonly isErased?: ((record: KafkaRecord) => boolean) | undefined;
  readonly logger: Logger;
  /** This console. */
  readonly runner: string;
  readonly faults?: ReplayFaults | undefined;
  readonly canaryTimeoutMs?: number | undefined;
  readonly finalTimeoutMs?: number | undefined;
}

/** Letters of one `ChosenEvent`: below the size limit of its topic. */
const LETTERS_PER_EVENT = 50_000;
const EVENTS_PER_APPEND = 20;
/** Letters of one transaction, and the time for which the rate admits them. */
const MAX_BATCH = 100;
const BATCH_SECONDS = 0.2;

/** The work of this console on one plan: its preview, or its replay. */
export class PlanWork {
  constructor(private readonly options: PlanWorkOptions) {}

  /** Ends with the plan `ready`, or as a draft with an error. @throws the signal's reason */
  async preview(plan: PlanRecord, signal: AbortSignal): Promise<void> {
    const { log, clock, logger } = this.options;
    const id = plan.created.plan;
    try {
      const topic = topicOf(plan);
      if (topic.kind === 'foreign' && !this.options.foreignTopics.has(topic.topic)) {
        throw new ReplayInvalidError([`${topic.topic} is not one of FOREIGN_DEAD_LETTER_TOPICS of this console`]);
      }
      const settings = await this.options.settings();
      const result = await previewPlan(plan.created, topic, { ...this.options, settings }, signal);
      const previewId = randomUUID();
      for (const events of this.chosenEvents(id, previewId, result)) {
        signal.throwIfAborted();
        await log.append(...events);
      }
      const { preview, receiptsFrom, parkedFrom, rejectedFrom } = result;
      await this.change(plan, 'previewed', { preview, previewId, receiptsFrom, parkedFrom, rejectedFrom });
    } catch (error) {
      signal.throwIfAborted();
      logger.warn({ err: error, plan: id, at: clock() }, 'the preview of a replay failed');
      await this.change(plan, 'previewFailed', { error: problemOf(error) });
    }
  }

  /** Returns the letters of a plan that this console has claimed. @throws the signal's reason */
  async replay(plan: PlanRecord, signal: AbortSignal): Promise<void> {
    const { log, logger } = this.options;
    const id = plan.created.plan;
    let end: RunEnd;
    try {
      end = await (await this.runOf(plan, signal)).run(signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof NotOurPlanError) return;
      logger.error({ err: error, plan: id }, 'a replay failed');
      const problem = problemOf(error);
      // What may pass leaves the plan to an operator, who starts it again.
      const [action, fields] = mayPass(error)
        ? (['pause', { outcome: `Paused by an error: ${problem.detail}` }] as const)
        : (['fail', { error: problem }] as const);
      await this.change(log.book.find(id) ?? plan, action, fields);
      return;
    }
    const { action, outcome } = end;
    await this.change(log.book.find(id) ?? plan, action, {
      ...(outcome === undefined ? {} : { outcome }),
      ...(action === 'stop' ? { error: { type: 'REPLAY_STOPPED', detail: outcome } } : {}),
    });
  }

  private async runOf(plan: PlanRecord, signal: AbortSignal): Promise<PlanRun> {
    const { kafka, admin, log, clock, logger, runner, faults } = this.options;
    const { created, receiptsFrom = [] } = plan;
    const { plan: id, options } = created;
    const topic = topicOf(plan);
    const existing = new Set(await admin.listTopics());
    for (const name of topic.kind === 'own' ? [topic.topic, topic.target] : [topic.topic]) {
      if (!existing.has(name)) throw new ReplayTopicMissingError(name);
    }
    const chosen = await this.readChosen(plan, signal);
    const isCanary = options.canary > 0 && !plan.isCanaryPassed;
    const gate = new CanaryGate(isCanary ? Math.max(0, options.canary - log.tally(id).counts.returned) : undefined);
    const limit = new RateLimit(options.ratePerSecond);
    const { records, watched, maxBytesOf, onReturned } = returningOf(plan, topic, this.options);
    const confirm = async (): Promise<void> => {
      await log.upToDate();
      const { runner: current, state } = log.book.find(id) ?? plan;
      if (current !== runner || state !== 'running') throw new NotOurPlanError(id);
    };
    const partitions = [...chosen].map(
      ([partition, letters]) =>
        new PartitionReplay({
          planId: id,
          topic: topic.topic,
          partition,
          replaysTopic: log.topic,
          letters,
          receiptsFrom: receiptsFrom[receiptPartition(partition)] ?? 0,
          records,
          onReturned,
          io: new KafkaPartitionIo(kafka, topic.topic, partition, log.topic, maxBytesOf),
          limit,
          gate,
          batchRecords: Math.max(1, Math.min(MAX_BATCH, Math.ceil(options.ratePerSecond * BATCH_SECONDS))),
          confirm,
          logger,
          clock,
          faults,
        }),
    );
    return new PlanRun({
      options,
      partitions,
      gate,
      fate: new KafkaFate(kafka, admin, id, watched),
      returned: async () => {
        await log.upToDate();
        return log.tally(id).counts.returned;
      },
      onCameBack: async (cameBack) => {
        const beat = { kind: 'beat', plan: id, at: clock().toISOString(), runner, cameBack } as const;
        await log.append(beat).catch((error: unknown) => {
          logger.warn({ err: error, plan: id }, 'the count of what came back could not be written');
        });
      },
      onCanaryPassed: () => this.change(log.book.find(id) ?? plan, 'canaryPassed', {}),
      logger,
      ...(this.options.canaryTimeoutMs === undefined ? {} : { canaryTimeoutMs: this.options.canaryTimeoutMs }),
      ...(this.options.finalTimeoutMs === undefined ? {} : { finalTimeoutMs: this.options.finalTimeoutMs }),
    });
  }

  private async change(plan: PlanRecord, action: PlanAction, fields: Partial<ChangedEvent>): Promise<void> {
    const { log, clock, logger, runner } = this.options;
    const rejection = await log.append({
      kind: 'changed',
      plan: plan.created.plan,
      at: clock().toISOString(),
      action,
      revision: plan.revision + 1,
      runner,
      ...fields,
    });
    // An operator was first: with a pause, or a cancellation.
    if (rejection !== undefined) logger.info({ plan: plan.created.plan, action, rejection }, 'a change came too late');
  }

  private *chosenEvents(plan: string, previewId: string, { chosen }: PreviewResult): Generator<ChosenEvent[]> {
    let events: ChosenEvent[] = [];
    const at = this.options.clock().toISOString();
    for (const [partition, letters] of chosen.entries()) {
      for (let begin = 0; letters !== undefined && begin < letters.length; begin += LETTERS_PER_EVENT) {
        const places = letters.encode(begin, begin + LETTERS_PER_EVENT);
        events.push({ kind: 'chosen', plan, at, previewId, partition, places });
        if (events.length < EVENTS_PER_APPEND) continue;
        yield events;
        events = [];
      }
    }
    if (events.length > 0) yield events;
  }

  /** What the preview of the plan chose, from the record of the plans. */
  private async readChosen(plan: PlanRecord, signal: AbortSignal): Promise<ReadonlyMap<number, ChosenLetters>> {
    const chosen = new Map<number, ChosenLetters>();
    const { kafka, log } = this.options;
    const range = { topic: log.topic, partition: 0, from: plan.chosenFrom ?? 0, until: 'end', signal } as const;
    await readPartition(kafka, range, ({ records }) => {
      for (const record of records) {
        const event = decodeReplayRecord(record);
        if (event?.kind !== 'chosen' || event.previewId !== plan.previewId) continue;
        let letters = chosen.get(event.partition);
        if (letters === undefined) chosen.set(event.partition, (letters = new ChosenLetters()));
        letters.decode(event.places);
      }
    });
    return chosen;
  }
}

/** Another console, or no console, works on the plan now. */
class NotOurPlanError extends OrderstreamError {
  readonly code = 'REPLAY_STATE' satisfies ErrorCode;

  constructor(id: string) {
    super(`the replay plan ${id} is not run by this console any more`);
  }
}

/** A plan is created for a topic of dead letters only: one that is not ours is of another program. */
const topicOf = ({ created: { topic } }: PlanRecord): LetterTopic => replayTopicOf(topic) ?? { kind: 'foreign', topic };

function problemOf(error: unknown): PlanProblem {
  const detail = error instanceof Error ? error.message : String(error);
  return { type: error instanceof OrderstreamError ? error.code : 'INTERNAL', detail };
}
