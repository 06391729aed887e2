import { setTimeout as delay } from 'node:timers/promises';

import { type Family, rawTopic } from '@orderstream/contracts';
import type { BatchOutcome } from '@orderstream/kafka';
import { createLogger, Metrics } from '@orderstream/observability';
import {
  DEFAULT_CATALOG_LIMITS,
  DEFAULT_STATE_LIMITS,
  type PartitionState,
  qualitySettings,
} from '@orderstream/quality';
import type { Kafka } from 'kafkajs';

import { HeldCalls } from '../../../../test/model-checking/held-calls';
import { CatalogReader } from '../../src/catalog/catalog-reader';
import type { FaultPoint } from '../../src/partitions/fault-points';
import { PartitionValidator } from '../../src/partitions/partition-validator';
import { StateMismatchError } from '../../src/partitions/state-mismatch-error';
import { ValidatorMetrics } from '../../src/validator-metrics';
import { type Breakage, type CoordinatorCall, heldKafka } from './held-kafka';
import { LetterEvaluator, lettersOf } from './letters';

/** Longer than a replay lets a commit wait. */
const TRANSACTION_TIMEOUT_MS = 60_000;
const DEADLINE_MS = 10_000;
const settings = qualitySettings();
const logger = createLogger({ service: 'validator', level: 'silent' });

export interface ActorOptions {
  readonly kafka: Kafka;
  readonly family: Family;
  readonly partition: number;
  /** Of the model. */
  readonly input: string;
  readonly breakage: Breakage;
  readonly onCommit: (by: Actor, metadata: string) => void;
}

/**
 * One process: the real validator of a partition on the real broker, whose requests to coordinators wait until the replay
 * lets them through, and which restores its state (`restore`) when it is told to.
 */
export class Actor {
  readonly calls = new HeldCalls<CoordinatorCall | 'restore'>();
  readonly reached: FaultPoint[] = [];
  readonly evaluator: LetterEvaluator;
  /** Names of its commits that are under way, as the model counts them. */
  commit: number | undefined;
  /** The state before it was opened last: whoever settles goes on with it. */
  stateBefore: PartitionState | undefined;
  /** Whether its last batch ended as it should. */
  isWell = true;
  /** Why its partition waits for an operator. */
  stopped: StateMismatchError | undefined;
  /** Names of its commits whose answers are late, the oldest first. */
  readonly unanswered: number[] = [];
  private readonly validator: PartitionValidator;
  private opened: Promise<number | undefined> = Promise.resolve(undefined);
  private handling: Promise<BatchOutcome | undefined> = Promise.resolve(undefined);
  /** What it no longer waits for: the answer to its commit is late. */
  private readonly givenUp: Promise<unknown>[] = [];
  private next = 0;
  private looked = 0;
  private isOpen = false;

  constructor(private readonly options: ActorOptions) {
    const { kafka, family, partition, breakage, onCommit } = options;
    const own = heldKafka(
      kafka,
      this.calls,
      (metadata) => {
        onCommit(this, metadata);
      },
      breakage,
    );
    this.evaluator = new LetterEvaluator(family);
    this.validator = new PartitionValidator({
      kafka: own,
      family,
      groupId: `validator-${family}`,
      ref: { topic: rawTopic(family), partition },
      evaluator: this.evaluator,
      settings,
      stateLimits: DEFAULT_STATE_LIMITS,
      catalog: new CatalogReader({
        kafka: own,
        catalogGroupId: 'none',
        limits: DEFAULT_CATALOG_LIMITS,
        waitMs: 1,
        logger,
      }),
      transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
      breaker: { windowRecords: 0, maxShare: 1 },
      metrics: new ValidatorMetrics(new Metrics({ app: 'validator', processMetrics: false }), settings.actions),
      logger,
      faults: { reached: (point) => this.reach(point) },
      clock: () => new Date(0),
    });
  }

  get state(): PartitionState | undefined {
    return this.validator.state;
  }

  /**
   * The partition is assigned to it, for the first time or again. Whatever it had under way is over then, but for answers
   * that are late: as a task that is released, it waits for none of them.
   * @param isFenced the broker rejects a commit of it
   */
  async open(isFenced = true): Promise<void> {
    this.stateBefore = this.validator.state ?? this.stateBefore;
    if (this.calls.has('commit')) await (await this.calls.next('commit', 0))?.go(isFenced ? 'answered' : 'undone');
    await this.handling;
    this.handling = Promise.resolve(undefined);
    await this.letGo();
    this.isOpen = false;
    this.isWell = true;
    this.commit = undefined;
    this.opened = this.validator.open().then((offset) => {
      this.isOpen = true;
      return (this.next = offset ?? 0);
    });
    this.opened.catch((error: unknown) => {
      this.isWell = false;
      if (error instanceof StateMismatchError) this.stopped = error;
    });
  }

  /** Whether it opens; false: it asks once more what is committed. */
  async opensOrAsks(): Promise<boolean> {
    const asks = this.calls.waitsFor('read', DEADLINE_MS).then((isAsking) => !isAsking);
    return Promise.race([asks, this.opened.then(() => true)]);
  }

  /** Resolves when it has opened. */
  untilOpen(): Promise<number | undefined> {
    return this.opened;
  }

  /** Hands over the next records up to `end`. Returns where they begin; undefined when it takes none. */
  take(end: number): number | undefined {
    const { next: from, isOpen, options } = this;
    if (!isOpen || from >= end) return undefined;
    const { input, family, partition } = options;
    this.evaluator.outcomes.length = 0;
    this.next = end;
    const batch = lettersOf(input, from, end, rawTopic(family), partition);
    const { opened } = this;
    this.handling = this.validator.handle(batch, new AbortController().signal).then((outcome) => {
      if (this.opened === opened) this.isWell = outcome.kind === 'ack';
      return outcome;
    });
    return from;
  }

  /** It is not answered in time: what it handles is not waited for any longer. */
  giveUp(commit: number): void {
    this.unanswered.push(commit);
    this.givenUp.push(this.handling);
    this.handling = Promise.resolve(undefined);
    this.isWell = false;
  }

  /** The answer to the oldest commit that it has given up arrives. Returns its name; undefined if there is none. */
  async hearLate(): Promise<number | undefined> {
    const commit = this.unanswered.shift();
    if (commit === undefined || !this.calls.answerLate()) return undefined;
    await this.givenUp.shift();
    return commit;
  }

  /** What became of the records handed over last. */
  outcome(): Promise<BatchOutcome | undefined> {
    return this.handling;
  }

  async comesTo(point: FaultPoint): Promise<void> {
    const deadline = performance.now() + DEADLINE_MS;
    while (!this.reached.includes(point, this.looked)) {
      if (performance.now() > deadline) throw new Error(`it did not come to ${point}: ${this.reached.join(', ')}`);
      await delay(2);
    }
    this.looked = this.reached.indexOf(point, this.looked) + 1;
  }

  /** Undisturbed: validates what there is. Opens again as often as a task would. Returns whether it came to the end. */
  async finish(tries: number): Promise<boolean> {
    this.calls.free();
    for (let tried = 1; tried <= tries; tried++) {
      await this.opened.catch(() => undefined);
      await this.handling;
      if (this.isOpen && this.isWell) {
        this.take(this.options.input.length);
        const outcome = await this.handling;
        if (outcome === undefined || outcome.kind === 'ack') return true;
      }
      await this.open();
    }
    return false;
  }

  async close(): Promise<void> {
    // An answer after which nobody tries again: the client has no right to it.
    this.calls.end(Object.assign(new Error('the replay is over'), { code: 31 }));
    await Promise.allSettled([this.opened, this.handling, ...this.givenUp]);
    await this.validator.close();
  }

  private async letGo(): Promise<void> {
    const { transactions } = this.validator as unknown as { readonly transactions?: { failure: unknown } };
    await this.validator.close();
    if (this.options.breakage.takesLateAnswers === true && transactions !== undefined) transactions.failure = undefined;
  }

  private reach(point: FaultPoint): void | Promise<void> {
    if (!this.calls.lives()) return this.calls.survives();
    this.reached.push(point);
    // Who has fenced and read does not restore before it is told to.
    return point === 'fenced' ? this.calls.ask('restore', () => undefined) : undefined;
  }
}
