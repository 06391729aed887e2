import { setTimeout as delay } from 'node:timers/promises';

import { type Family, rawTopic } from '@orderstream/contracts';
import type { BatchOutcome } from '@orderstream/kafka';
import { createLogger, Metrics, NO_TRACING } from '@orderstream/observability';
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
import { Semaphore } from '../../src/partitions/semaphore';
import { StateMismatchError } from '../../src/partitions/state-mismatch-error';
import { ValidatorMetrics } from '../../src/validator-metrics';
import { type Breakage, type CoordinatorCall, heldKafka } from './held-kafka';
import { batchOf, ModelEvaluator, NOW_MS } from './model-records';

/** Longer than a replay holds a commit. */
const TRANSACTION_TIMEOUT_MS = 60_000;
const DEADLINE_MS = 10_000;
const settings = qualitySettings();
const logger = createLogger({ service: 'validator', level: 'silent' });

export interface ReplayedProcessOptions {
  readonly kafka: Kafka;
  readonly family: Family;
  readonly partition: number;
  /** The input of the model. */
  readonly input: string;
  readonly breakage: Breakage;
  readonly onCommit: (by: ReplayedProcess, metadata: string) => void;
}

/**
 * One process of a replay: the real validator of a partition on the real broker. Its requests to coordinators and its
 * restores (`restore`) are held until the replay releases them.
 */
export class ReplayedProcess {
  readonly calls = new HeldCalls<CoordinatorCall | 'restore'>();
  readonly reached: FaultPoint[] = [];
  readonly evaluator: ModelEvaluator;
  /** Number in the model of the commit that it sent last. */
  commit: number | undefined;
  /** The state before the last opening: a process that settles continues with it. */
  stateBefore: PartitionState | undefined;
  /** Whether its last batch was committed. */
  isWell = true;
  /** The error that stopped its partition. */
  stopped: StateMismatchError | undefined;
  /** Numbers of its commits whose answers are late, the oldest first. */
  readonly unanswered: number[] = [];
  private readonly validator: PartitionValidator;
  private opened: Promise<number | undefined> = Promise.resolve(undefined);
  private handling: Promise<BatchOutcome | undefined> = Promise.resolve(undefined);
  /** Batches that it has stopped waiting for: the answers to their commits are late. */
  private readonly abandoned: Promise<unknown>[] = [];
  private nextOffset = 0;
  /** Number of reached points that `untilReached` has seen. */
  private seen = 0;
  private isOpen = false;

  constructor(private readonly options: ReplayedProcessOptions) {
    const { kafka, family, partition, breakage, onCommit } = options;
    const heldClient = heldKafka(
      kafka,
      this.calls,
      (metadata) => {
        onCommit(this, metadata);
      },
      breakage,
    );
    this.evaluator = new ModelEvaluator(family);
    this.validator = new PartitionValidator({
      kafka: heldClient,
      family,
      groupId: `validator-${family}`,
      ref: { topic: rawTopic(family), partition },
      rules: () => ({
        evaluator: this.evaluator,
        quality: settings,
        breaker: { windowRecords: 0, maxShare: 1 },
      }),
      // The input is not in the log: batches are handed over as they are.
      log: {
        range: () => Promise.resolve({ start: 0, end: options.input.length }),
        appendMsAt: () => Promise.resolve(NOW_MS),
      },
      stateLimits: DEFAULT_STATE_LIMITS,
      catalogLimits: DEFAULT_CATALOG_LIMITS,
      restores: new Semaphore(1),
      catalog: new CatalogReader({
        kafka: heldClient,
        catalogGroupId: 'none',
        limits: DEFAULT_CATALOG_LIMITS,
        waitMs: 1,
        logger,
      }),
      transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
      metrics: new ValidatorMetrics(new Metrics({ app: 'validator', processMetrics: false })),
      tracing: NO_TRACING,
      logger,
      faults: { reached: (point) => this.onReached(point) },
      clock: () => new Date(0),
    });
  }

  get state(): PartitionState | undefined {
    return this.validator.state;
  }

  /**
   * The partition is assigned to it, for the first time or again. Its batch and its commit end first, except for late
   * answers: like a released partition task, it waits for none of them.
   * @param isFenced whether the broker rejects its commit
   */
  async open(isFenced = true): Promise<void> {
    this.stateBefore = this.validator.state ?? this.stateBefore;
    if (this.calls.has('commit')) await (await this.calls.next('commit', 0))?.release(isFenced ? 'answered' : 'undone');
    await this.handling;
    this.handling = Promise.resolve(undefined);
    await this.release();
    this.isOpen = false;
    this.isWell = true;
    this.commit = undefined;
    this.opened = this.validator.open().then((offset) => {
      this.isOpen = true;
      return (this.nextOffset = offset ?? 0);
    });
    this.opened.catch((error: unknown) => {
      this.isWell = false;
      if (error instanceof StateMismatchError) this.stopped = error;
    });
  }

  /** Resolves with true when it has opened, with false when it reads the committed offset again. */
  async opensOrReads(): Promise<boolean> {
    const reads = this.calls.waitsFor('read', DEADLINE_MS).then((isReading) => !isReading);
    return Promise.race([reads, this.opened.then(() => true)]);
  }

  /** Resolves when it has opened. */
  untilOpen(): Promise<number | undefined> {
    return this.opened;
  }

  /** Hands over the next records up to `end`. Returns the offset of the first; undefined if it takes none. */
  handOver(end: number): number | undefined {
    const { nextOffset: from, isOpen, options } = this;
    if (!isOpen || from >= end) return undefined;
    const { input, family, partition } = options;
    this.evaluator.outcomes.length = 0;
    this.nextOffset = end;
    const batch = batchOf(input, from, end, rawTopic(family), partition);
    const { opened } = this;
    this.handling = this.validator.handle(batch, new AbortController().signal).then((outcome) => {
      if (this.opened === opened) this.isWell = outcome.kind === 'ack';
      return outcome;
    });
    return from;
  }

  /** Stops waiting for a commit whose answer is late. */
  giveUp(commit: number): void {
    this.unanswered.push(commit);
    this.abandoned.push(this.handling);
    this.handling = Promise.resolve(undefined);
    this.isWell = false;
  }

  /** The oldest late answer arrives. Returns the number of its commit; undefined if there is none. */
  async receiveLateAnswer(): Promise<number | undefined> {
    const commit = this.unanswered.shift();
    if (commit === undefined || !this.calls.releaseLateAnswer()) return undefined;
    await this.abandoned.shift();
    return commit;
  }

  /** Outcome of the records that were handed over last. */
  outcome(): Promise<BatchOutcome | undefined> {
    return this.handling;
  }

  /** Resolves when it has reached the point once more. */
  async untilReached(point: FaultPoint): Promise<void> {
    const deadline = performance.now() + DEADLINE_MS;
    while (!this.reached.includes(point, this.seen)) {
      if (performance.now() > deadline) throw new Error(`it did not reach ${point}: ${this.reached.join(', ')}`);
      await delay(2);
    }
    this.seen = this.reached.indexOf(point, this.seen) + 1;
  }

  /**
   * Validates the rest without faults, and opens again after a failure, up to `tries` times. Returns whether it reached
   * the end of the input.
   */
  async finish(tries: number): Promise<boolean> {
    this.calls.releaseAll();
    for (let tried = 1; tried <= tries; tried++) {
      await this.opened.catch(() => undefined);
      await this.handling;
      if (this.isOpen && this.isWell) {
        this.handOver(this.options.input.length);
        const outcome = await this.handling;
        if (outcome === undefined || outcome.kind === 'ack') return true;
      }
      await this.open();
    }
    return false;
  }

  async close(): Promise<void> {
    // CLUSTER_AUTHORIZATION_FAILED: nothing retries it.
    this.calls.end(Object.assign(new Error('the replay has ended'), { code: 31 }));
    await Promise.allSettled([this.opened, this.handling, ...this.abandoned]);
    await this.validator.close();
  }

  private async release(): Promise<void> {
    const { transactions } = this.validator as unknown as { readonly transactions?: { failure: unknown } };
    await this.validator.close();
    if (this.options.breakage.takesLateAnswers === true && transactions !== undefined) transactions.failure = undefined;
  }

  private onReached(point: FaultPoint): void | Promise<void> {
    if (!this.calls.isAlive()) return this.calls.ifAlive();
    this.reached.push(point);
    // After fencing and reading, the restore is held.
    return point === 'fenced' ? this.calls.hold('restore', () => undefined) : undefined;
  }
}
