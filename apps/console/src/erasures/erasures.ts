import { setTimeout as delay } from 'node:timers/promises';
import { randomUUID } from 'node:crypto';
import { type Logger } from '@orderstream/observability';
import { type Caller } from '@orderstream/service';
import { ConsoleProblem } from '../problems';
import { type Warehouse } from './customer-tables';
import { type CustomerTopics } from './customer-topics';
import { customerHash } from '@orderstream/contracts';
import { type Erasure, erasureId, type ErasureStep } from './erasure';
import { type ErasureLog } from './erasure-log';
import { type ValidatorState } from './validator-state';

export interface ErasuresOptions {
  readonly openLog: (
    onChange: (erasure: Erasure) => void,
  ) => Pick<ErasureLog, 'open' | 'close' | 'find' | 'all' | 'append'> & { readonly failed: Error | undefined };
  readonly warehouse: Warehouse;
  readonly topics: Pick<CustomerTopics, 'steps'>;
  readonly validators: Pick<ValidatorState, 'topic' | 'isReachable' | 'forget'>;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  /** Called for every erasure that begins in any console, with the hash of the customer. */
  readonly forget: (customer: string) => void;
  readonly now?: () => number;
  readonly retryMs?: number;
  readonly deadlineMs?: number;
}

/** BigQuery moves streamed rows out of its buffer within 90 minutes at most. */
const DEADLINE_MS = 6 * 3_600_000;
const RETRY_MS = 300_000;
/** Rounds of a silent console after which another one goes on. */
const SILENT_ROUNDS = 4;
const MAX_RUNNING = 100;
const TICK_MS = 250;
const FIRST_OPEN_RETRY_MS = 1_000;
const MAX_OPEN_RETRY_MS = 30_000;
const STATE_NOTE =
  'The validators remember the customer no more. Compaction removes the old records of the topic within a day or so.';
const STREAMING_BUFFER = /streaming buffer/i;
const BUFFER_NOTE = 'BigQuery does not delete rows that are still in its streaming buffer. It is retried.';

/**
 * Erases customers: their rows in BigQuery by jobs, what the validators remember of them, and what memory has. Logs are left to their
 * retention, and the receipt says until when.
 *
 * Failure semantics: everything is done in rounds of statements that may be repeated, and each round ends with an entry in
 * `ErasureLog`. Killed at any point, the next console, or this one after a restart, begins the round again; the
 * rows that were found are stored before the first one is deleted, so that the receipt counts them. Two consoles that
 * work on one erasure at once do nothing twice: rows are deleted once.
 */
export class Erasures {
  private readonly worker = randomUUID();
  private readonly stopping = new AbortController();
  private readonly log: ReturnType<ErasuresOptions['openLog']>;
  /** When a running erasure is worked on next. */
  private readonly dueAt = new Map<string, number>();
  private readonly now: () => number;
  private readonly retryMs: number;
  private running: Promise<void> | undefined;
  private isOpen = false;
  private readonly opening = Promise.withResolvers<undefined>();

  constructor(private readonly options: ErasuresOptions) {
    this.now = options.now ?? Date.now;
    this.retryMs = options.retryMs ?? RETRY_MS;
    this.log = options.openLog((erasure) => {
      this.changed(erasure);
    });
  }

  /** The error that stopped the reading of the erasures. Only a restart helps. */
  get failed(): Error | undefined {
    return this.log.failed;
  }

  /** Resolves when every erasure is known. */
  get whenOpen(): Promise<undefined> {
    return this.opening.promise;
  }

  start(): void {
    this.running ??= this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.log.close();
    await this.running;
  }

  /**
   * Begins an erasure. A repetition with the same key returns the first one.
   *
   * @throws ConsoleProblem idempotency-key-reused, erasures-unavailable, too-many-erasures
   */
  async create(customerId: string, key: string, by: Caller): Promise<{ erasure: Erasure; isNew: boolean }> {
    const id = erasureId(key);
    const customer = customerHash(customerId);
    const known = this.opened().find(id);
    if (known === undefined) {
      if (this.dueAt.size >= MAX_RUNNING) {
        throw new ConsoleProblem(
          'too-many-erasures',
          `${String(MAX_RUNNING)} erasures run. Try again when one has ended.`,
        );
      }
      const now = this.now();
      const deadline = new Date(now + (this.options.deadlineMs ?? DEADLINE_MS)).toISOString();
      const at = new Date(now).toISOString();
      const { actor, role, requestId } = by;
      await this.append(
        {
          id,
          customer,
          state: 'running',
          worker: this.worker,
          createdBy: actor,
          createdAt: at,
          updatedAt: at,
          deadline,
          steps: [],
        },
        { actor, role, requestId },
      );
    }
    const erasure = this.log.find(id);
    if (erasure === undefined) throw unavailable('the new erasure was not read back');
    if (erasure.customer !== customer) {
      throw new ConsoleProblem(
        'idempotency-key-reused',
        `The Idempotency-Key has created ${id}, the erasure of another customer.`,
      );
    }
    return { erasure, isNew: known === undefined };
  }

  /** @throws ConsoleProblem erasure-unknown, erasures-unavailable */
  get(id: string): Erasure {
    const erasure = this.opened().find(id);
    if (erasure === undefined) throw new ConsoleProblem('erasure-unknown', `There is no erasure ${id}.`);
    return erasure;
  }

  /** The latest first. @throws ConsoleProblem erasures-unavailable */
  list(limit: number): readonly Erasure[] {
    return this.opened().all().slice(0, limit);
  }

  private opened(): typeof this.log {
    if (!this.isOpen) throw unavailable('they are being read');
    return this.log;
  }

  private changed({ id, customer, state, worker, steps, updatedAt }: Erasure): void {
    if (steps.length === 0) this.options.forget(customer);
    if (state !== 'running') {
      this.dueAt.delete(id);
    } else if (!this.isOpen) {
      // Of an earlier process: go on at once.
      this.dueAt.set(id, 0);
    } else if (worker === this.worker) {
      this.dueAt.set(id, steps.length === 0 ? 0 : Date.parse(updatedAt) + this.retryMs);
    } else {
      this.dueAt.set(id, Date.parse(updatedAt) + SILENT_ROUNDS * this.retryMs);
    }
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    await this.openLog(signal);
    while (!signal.aborted) {
      for (const [id, dueAt] of [...this.dueAt]) {
        if (!isAborted(signal) && dueAt <= this.now()) await this.round(id);
      }
      await delay(TICK_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  private async openLog(signal: AbortSignal): Promise<void> {
    for (let pauseMs = FIRST_OPEN_RETRY_MS; !signal.aborted; pauseMs = Math.min(2 * pauseMs, MAX_OPEN_RETRY_MS)) {
      try {
        await this.log.open();
        this.isOpen = true;
        this.opening.resolve(undefined);
        return;
      } catch (error) {
        if (isAborted(signal)) return;
        this.options.logger.warn({ err: error }, 'erasures are not available; it is retried');
      }
      await delay(pauseMs / 2 + (Math.random() * pauseMs) / 2, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Never rejects: what fails is tried again by the next round. */
  private async round(id: string): Promise<void> {
    const erasure = this.log.find(id);
    if (erasure === undefined) return;
    // Whatever fails before the next entry.
    this.dueAt.set(id, this.now() + this.retryMs);
    try {
      const counted = erasure.steps.length > 0 ? erasure : await this.begin(erasure);
      const steps: ErasureStep[] = [];
      for (const step of counted.steps) {
        steps.push(await this.carryOut(step, erasure.customer));
      }
      const now = this.now();
      const isDone = steps.every(({ state }) => state !== 'waiting');
      const isLate = now >= Date.parse(erasure.deadline);
      const state = isDone ? 'finished' : isLate ? 'incomplete' : 'running';
      const ended: Erasure = { ...counted, state, steps, worker: this.worker, updatedAt: new Date(now).toISOString() };
      await this.append(ended, byConsole(erasure));
      const { customer } = erasure;
      this.options.logger.info({ erasure: id, customer, state }, 'a round of an erasure has ended');
    } catch (error) {
      if (isAborted(this.stopping.signal)) return;
      this.options.logger.warn({ err: error, erasure: id }, 'a round of an erasure failed; it is repeated');
    }
  }

  /** Stores what is there before anything is erased. */
  private async begin(erasure: Erasure): Promise<Erasure> {
    const { warehouse, topics, validators } = this.options;
    const steps: ErasureStep[] = [];
    for (const name of warehouse.tables) {
      const found = await warehouse.count(name, erasure.customer);
      if (found === undefined) steps.push({ kind: 'table', name, state: 'absent' });
      else steps.push({ kind: 'table', name, state: 'waiting', found, erased: 0 });
    }
    for (const step of await topics.steps(this.now())) {
      const isState = step.name === validators.topic && validators.isReachable;
      steps.push(isState ? { kind: 'state', name: step.name, state: 'waiting', erased: 0 } : step);
    }
    const begun: Erasure = { ...erasure, steps, worker: this.worker, updatedAt: new Date(this.now()).toISOString() };
    await this.append(begun, byConsole(erasure));
    return begun;
  }

  private async carryOut(step: ErasureStep, customer: string): Promise<ErasureStep> {
    if (step.kind === 'table') return this.eraseTable(step, customer);
    return step.kind === 'state' ? this.eraseState(step, customer) : step;
  }

  /** Also what an earlier round has removed: the customer may have ordered since. */
  private async eraseState({ name, erased = 0 }: ErasureStep, customer: string): Promise<ErasureStep> {
    const { removed, problems } = await this.options.validators.forget(customer);
    const note = problems.length === 0 ? STATE_NOTE : `${problems.join('; ')}. It is retried.`;
    const state = problems.length === 0 ? 'done' : 'waiting';
    return { kind: 'state', name, state, erased: erased + removed, note };
  }

  /** Also what an earlier round has erased: rows may have been added since. */
  private async eraseTable(step: ErasureStep, customer: string): Promise<ErasureStep> {
    const { warehouse } = this.options;
    const { name } = step;
    const before = await warehouse.count(name, customer);
    if (before === undefined) return { kind: 'table', name, state: 'absent' };
    const found = Math.max(step.found ?? 0, (step.erased ?? 0) + before);
    let note: string | undefined;
    if (before > 0) {
      try {
        await warehouse.erase(name, customer);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        note = STREAMING_BUFFER.test(why) ? BUFFER_NOTE : why;
        this.options.logger.warn({ err: error, table: name }, 'rows of a customer could not be erased; it is retried');
      }
    }
    const left = before === 0 ? 0 : ((await warehouse.count(name, customer)) ?? 0);
    const state = left === 0 ? 'done' : 'waiting';
    return {
      kind: 'table',
      name,
      state,
      found,
      erased: found - left,
      ...(left === 0 || note === undefined ? {} : { note }),
    };
  }

  private async append(erasure: Erasure, by: Parameters<ErasureLog['append']>[1]): Promise<void> {
    try {
      await this.log.append(erasure, by);
    } catch (error) {
      throw unavailable(error instanceof Error ? error.message : String(error));
    }
  }
}

/** The console goes on for the operator who has begun it. */
const byConsole = ({ createdBy, id }: Erasure) => ({ actor: createdBy, role: 'operator', requestId: id });

const unavailable = (why: string): ConsoleProblem =>
  new ConsoleProblem('erasures-unavailable', `Erasures are not available: ${why}. Try again.`);

/** Of a signal that may have been aborted since it was asked. */
const isAborted = (signal: AbortSignal): boolean => signal.aborted;
