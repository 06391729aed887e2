import { type Logger } from '@orderstream/observability';
import { type QualitySettings } from '@orderstream/quality';
import { type Kafka } from 'kafkajs';
import { type Observable } from 'rxjs';
import { type LetterIndex } from '../lookup/letter-index';
import { type Plan, type ReceiptPage, type ReplayRequest } from './plan';
import { ReplayUnavailableError } from './replay-errors';

/** The dead letters as the console has indexed them. */
export interface IndexedLetters {
  readonly index: LetterIndex;
  /** Resolves when the index has every letter that the topics held at the call. */
  caughtUp(): Promise<void>;
}

export interface ReplayPlansOptions {
  readonly kafka: Kafka;
  readonly letters: IndexedLetters;
  /** The settings by which the validators evaluate now. */
  readonly settings: () => QualitySettings;
  readonly logger: Logger;
  /** Most letters of one plan. Default 2,000,000. */
  readonly maxLetters?: number;
  readonly clock?: () => Date;
}

/** The replay plans of all consoles. `open` it before use. */
export class ReplayPlans {
  constructor(private readonly options: ReplayPlansOptions) {}

  /** Reads the record of the plans, and goes on with the plans that ran. */
  open(): Promise<void> {
    return this.todo();
  }

  /** Stops the work of this console. Plans that run are continued by the next console, or by another one. */
  close(): Promise<void> {
    return this.todo();
  }

  /**
   * @param idempotencyKey a second creation with the same key and request returns the plan of the first
   * @throws ReplayInvalidError, ReplayKeyReusedError, ReplayUnavailableError
   */
  create(request: ReplayRequest, actor: string, idempotencyKey: string): Promise<{ plan: Plan; isNew: boolean }> {
    return this.todo();
  }

  /** Begins to choose and to evaluate. Resolves at once with the plan that is `previewing`. @throws ReplayStateError */
  preview(id: string, actor: string): Promise<Plan> {
    return this.todo();
  }

  /**
   * Starts a plan that is ready, or goes on with one that is paused.
   * @throws ReplayChangedError if its revision is another one, ReplayStateError
   */
  start(id: string, revision: number, actor: string): Promise<Plan> {
    return this.todo();
  }

  pause(id: string, actor: string): Promise<Plan> {
    return this.todo();
  }

  cancel(id: string, actor: string): Promise<Plan> {
    return this.todo();
  }

  /** @throws ReplayUnknownError */
  get(id: string): Plan {
    throw new ReplayUnavailableError(id);
  }

  /** The latest first. */
  list(): readonly Plan[] {
    return [];
  }

  /** @throws ReplayUnknownError, CursorRejectedError */
  receipts(id: string, page: { readonly limit: number; readonly cursor?: string | undefined }): Promise<ReceiptPage> {
    return this.todo();
  }

  /** The plan, and then each change of it, until it ended. Progress at most twice a second. @throws ReplayUnknownError */
  changes(id: string): Observable<Plan> {
    throw new ReplayUnavailableError(id);
  }

  private todo(): Promise<never> {
    return Promise.reject(new ReplayUnavailableError(`the console of ${this.options.logger.level} is starting`));
  }
}
