import { type Logger } from '@orderstream/observability';
import { type KafkaRecord } from '@orderstream/kafka';
import { type Admin, type Kafka } from 'kafkajs';
import { randomUUID } from 'node:crypto';
import { defer, distinctUntilChanged, filter, map, merge, type Observable, of, takeWhile, throttleTime } from 'rxjs';
import { type EvaluationSettings } from './dry-run';
import { type IndexedLetters } from './indexed-letters';
import { type ReplayFaults } from './partition-replay';
import { isEnded, type Plan, type PlanAction, type ReceiptPage, type ReplayRequest, TRANSITIONS } from './plan';
import { type ChangedEvent, type CreatedEvent, type EventRejection, type PlanRecord } from './plan-events';
import { PlanLog } from './plan-log';
import { checkRequest, isSameRequest } from './plan-request';
import { planOf } from './plan-view';
import { PlanWork } from './plan-work';
import { PlanWorkers } from './plan-workers';
import { readReceipts } from './receipt-pages';
import { type ReplayFigures, replayFigures } from './replay-figures';
import {
  ReplayChangedError,
  ReplayKeyReusedError,
  ReplayStateError,
  ReplayUnavailableError,
  ReplayUnknownError,
} from './replay-errors';

export interface ReplayPlansOptions {
  readonly kafka: Kafka;
  readonly letters: IndexedLetters;
  /** Dead-letter topics of other programs, whose letters the index has. */
  readonly foreignTopics?: ReadonlySet<string>;
  /** The settings by which the validators evaluate now. */
  readonly settings: () => Promise<EvaluationSettings>;
  /** Whether a letter is of a customer who was erased: it is not returned. */
  readonly isErased?: ((record: KafkaRecord) => boolean) | undefined;
  readonly logger: Logger;
  /** Most letters of one plan. Default 2,000,000. */
  readonly maxLetters?: number;
  readonly clock?: () => Date;
  /** Of the record of the plans. Default `REPLAYS_TOPIC`. */
  readonly topic?: string;
  /** How long the console that works on a plan may be silent before another one takes over. */
  readonly leaseMs?: number;
  readonly canaryTimeoutMs?: number;
  readonly finalTimeoutMs?: number;
  readonly faults?: ReplayFaults;
}

const MAX_LETTERS = 2_000_000;
const LEASE_MS = 5_000;
const PROGRESS_MS = 500;

/**
 * The replay plans of all consoles. `open` it before use.
 *
 * Failure semantics: a command resolves when the record of the plans has it (`PlanLog`), and what works on plans follows the
 * record. A console that is killed is silent: after the lease another one, or itself after a restart, takes over what it
 * worked on. A preview is then repeated; a replay goes on behind its receipts (`PartitionReplay`).
 */
export class ReplayPlans {
  private readonly log: PlanLog;
  private readonly clock: () => Date;
  private readonly foreignTopics: ReadonlySet<string>;
  private admin: Admin | undefined;
  private workers: PlanWorkers | undefined;

  constructor(private readonly options: ReplayPlansOptions) {
    this.log = new PlanLog(options.kafka, options.logger, options.topic);
    this.clock = options.clock ?? (() => new Date());
    this.foreignTopics = options.foreignTopics ?? new Set();
  }

  /** Reads the record of the plans, and goes on with the plans that no console works on. */
  async open(): Promise<void> {
    const { options, log, clock, foreignTopics } = this;
    const admin = options.kafka.admin();
    await admin.connect();
    this.admin = admin;
    await log.open();
    const runner = randomUUID();
    const maxLetters = options.maxLetters ?? MAX_LETTERS;
    const work = new PlanWork({ ...options, foreignTopics, maxLetters, admin, log, clock, runner });
    this.workers = new PlanWorkers(work, log, {
      runner,
      clock,
      leaseMs: options.leaseMs ?? LEASE_MS,
      logger: options.logger,
    });
    this.workers.start();
  }

  /** Stops the work of this console. What it worked on is taken over by another console, or by the next one. */
  async close(): Promise<void> {
    await this.workers?.stop();
    await this.log.close();
    await this.admin?.disconnect();
  }

  /** The error that stopped the reading of the record. Only a restart helps. */
  get failed(): Error | undefined {
    return this.log.failed;
  }

  /**
   * @param idempotencyKey a second creation with the same key and an equal request returns the plan of the first
   * @throws ReplayInvalidError, ReplayKeyReusedError, ReplayUnavailableError
   */
  async create(request: ReplayRequest, actor: string, idempotencyKey: string): Promise<{ plan: Plan; isNew: boolean }> {
    const checked = checkRequest(request, this.foreignTopics);
    const id = randomUUID();
    const event: CreatedEvent = { kind: 'created', plan: id, at: this.now(), actor, idempotencyKey, ...checked };
    if (this.log.book.ofKey(idempotencyKey) === undefined) await this.log.append(event);
    const record = this.log.book.ofKey(idempotencyKey);
    if (record === undefined) throw new ReplayUnavailableError('a new plan was not read back');
    const isNew = record.created.plan === id;
    if (!isNew && !isSameRequest(record.created, checked)) throw new ReplayKeyReusedError(record.created.plan);
    return { plan: this.view(record), isNew };
  }

  /** Begins to choose and to evaluate. Resolves with the plan that is `previewing`. @throws ReplayStateError */
  preview(id: string, actor: string): Promise<Plan> {
    return this.command(id, 'preview', actor, { runner: this.workers?.runner ?? '' });
  }

  /**
   * Starts a plan that is ready, or goes on with one that is paused.
   * @throws ReplayChangedError if its revision is another one, ReplayStateError
   */
  start(id: string, revision: number, actor: string): Promise<Plan> {
    return this.command(id, 'start', actor, {}, revision);
  }

  /** What is in flight is returned, with its receipts. @throws ReplayChangedError, ReplayStateError */
  pause(id: string, actor: string, revision?: number): Promise<Plan> {
    return this.command(id, 'pause', actor, {}, revision);
  }

  /** What was returned stays returned, and has its receipts. @throws ReplayChangedError, ReplayStateError */
  cancel(id: string, actor: string, revision?: number): Promise<Plan> {
    return this.command(id, 'cancel', actor, {}, revision);
  }

  /** @throws ReplayUnknownError */
  get(id: string): Plan {
    return this.view(this.find(id));
  }

  /** The latest first. */
  list(): readonly Plan[] {
    return Array.from(this.log.book.all(), (record) => this.view(record)).reverse();
  }

  figures(): ReplayFigures {
    return replayFigures(this.log.book.all(), (plan) => this.log.tally(plan), this.clock().getTime());
  }

  /** In the order of the partitions, and of the letters. @throws ReplayUnknownError, CursorRejectedError */
  receipts(
    id: string,
    page: { readonly limit: number; readonly cursor?: string | undefined },
    signal?: AbortSignal,
  ): Promise<ReceiptPage> {
    this.find(id);
    return readReceipts(this.options.kafka, this.log, id, page, signal);
  }

  /** The plan, and then each change of it, until it has ended. Progress comes at most twice a second. @throws ReplayUnknownError */
  changes(id: string): Observable<Plan> {
    this.find(id);
    const changed = this.log.changed.pipe(filter((plan) => plan === id));
    return merge(
      defer(() => of(id)),
      changed.pipe(throttleTime(PROGRESS_MS, undefined, { leading: true, trailing: true })),
    ).pipe(
      map(() => this.get(id)),
      distinctUntilChanged((a, b) => JSON.stringify(a) === JSON.stringify(b)),
      takeWhile(({ state }) => !isEnded(state), true),
    );
  }

  private async command(
    id: string,
    action: PlanAction,
    actor: string,
    fields: Partial<ChangedEvent>,
    expected?: number,
  ): Promise<Plan> {
    const record = this.find(id);
    if (expected !== undefined && expected !== record.revision) {
      throw new ReplayChangedError(id, record.revision, expected);
    }
    if (TRANSITIONS[record.state][action] === undefined) throw new ReplayStateError(id, record.state, action);
    const revision = record.revision + 1;
    const event: ChangedEvent = { kind: 'changed', plan: id, at: this.now(), action, revision, actor, ...fields };
    this.throwRejection(id, action, await this.log.append(event));
    return this.get(id);
  }

  private throwRejection(id: string, action: PlanAction, rejection: EventRejection | undefined): void {
    if (rejection === undefined) return;
    const { revision, state } = this.find(id);
    if (rejection === 'state') throw new ReplayStateError(id, state, action);
    throw new ReplayChangedError(id, revision, undefined);
  }

  private find(id: string): PlanRecord {
    const record = this.log.book.find(id);
    if (record === undefined) throw new ReplayUnknownError(id);
    return record;
  }

  private view(record: PlanRecord): Plan {
    return planOf(record, this.log.tally(record.created.plan), this.log.book, this.clock().getTime());
  }

  private now(): string {
    return this.clock().toISOString();
  }
}
