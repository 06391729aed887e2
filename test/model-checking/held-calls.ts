import { setTimeout as delay } from 'node:timers/promises';

/**
 * What happens to a released call. `answered`: it takes effect and its caller gets the answer. `late`: it takes effect,
 * and the answer is held until `releaseLateAnswer`. `undone`: it fails before it takes effect.
 */
export type Fate = 'answered' | 'late' | 'undone';

/** A call that has not taken effect yet. */
export interface HeldCall {
  /** Resolves with the formatted outcome once the call has taken effect; undefined if it failed. */
  release(fate?: Fate): Promise<string | undefined>;
}

interface NamedCall<N> extends HeldCall {
  readonly name: N;
  readonly isSent: boolean;
}

interface HoldOptions<T> {
  /** The outcome in the words of the model. Default: an empty text. */
  readonly formatOutcome?: (result: T) => string;
  /** The request has left the process: it may take effect after the process has died. Default: false. */
  readonly isSent?: boolean;
}

const POLL_MS = 2;

/**
 * The calls of one simulated process to the outside, by name. Each call is held until a replay releases it. A call never
 * returns to a process that was killed in the meantime.
 */
export class HeldCalls<N extends string> {
  private held: NamedCall<N>[] = [];
  /** Each delivers one late answer; the oldest comes first. */
  private lateAnswers: (() => void)[] = [];
  private holdsNothing = false;
  private isDead = false;
  /** What the calls of a dead process return: it rejects when the replay ends. */
  private readonly ended = Promise.withResolvers<never>();

  async hold<T>(name: N, perform: () => T | Promise<T>, options: HoldOptions<T> = {}): Promise<T> {
    if (!this.isAlive()) return this.ended.promise;
    const { formatOutcome = () => '', isSent = false } = options;
    const outcome = Promise.withResolvers<string | undefined>();
    const fate = this.holdsNothing ? 'answered' : await this.untilReleased(name, isSent, outcome.promise);
    try {
      if (fate === 'undone') throw new Error(`${name}: failed before it took effect`);
      const result = await perform();
      outcome.resolve(formatOutcome(result));
      if (fate === 'late') await new Promise<void>((resolve) => this.lateAnswers.push(resolve));
      return await (this.isAlive() ? result : this.ended.promise);
    } catch (error) {
      outcome.resolve(undefined);
      if (!this.isAlive()) return this.ended.promise;
      throw error;
    }
  }

  /** Takes the next held call if it has this name. Undefined if it has another, or if none is held within the timeout. */
  async next(name: N, timeoutMs: number): Promise<HeldCall | undefined> {
    const deadline = performance.now() + timeoutMs;
    while (this.held.length === 0 && performance.now() < deadline) await delay(POLL_MS);
    return this.held[0]?.name === name ? this.held.shift() : undefined;
  }

  /** Whether a call of this name is held, now or within the timeout. */
  async waitsFor(name: N, timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    while (!this.has(name) && performance.now() < deadline) await delay(POLL_MS);
    return this.has(name);
  }

  /** Whether a call of this name is held. */
  has(name: N): boolean {
    return this.held.some((call) => call.name === name);
  }

  /** Delivers the oldest late answer. Returns whether there was one. */
  releaseLateAnswer(): boolean {
    const deliver = this.lateAnswers.shift();
    deliver?.();
    return deliver !== undefined;
  }

  /** Releases every call and answer, and holds none from now on. */
  releaseAll(): void {
    this.holdsNothing = true;
    while (this.releaseLateAnswer());
    for (const call of this.held.splice(0)) void call.release();
  }

  /** The process dies. Of its held calls only those remain that were sent. */
  kill(): void {
    this.isDead = true;
    this.held = this.held.filter(({ isSent }) => isSent);
  }

  /** Ends the replay: the calls of a dead process reject with `cause`. */
  end(cause: Error): void {
    this.isDead = true;
    this.ended.promise.catch(() => undefined);
    this.ended.reject(cause);
    while (this.releaseLateAnswer());
    for (const call of this.held.splice(0)) void call.release('undone');
  }

  /** A method, because it can change during every `await`. */
  isAlive(): boolean {
    return !this.isDead;
  }

  /** Resolves at once while the process lives; otherwise pends until `end` rejects it. */
  ifAlive(): Promise<void> {
    return this.isAlive() ? Promise.resolve() : this.ended.promise;
  }

  private untilReleased(name: N, isSent: boolean, outcome: Promise<string | undefined>): Promise<Fate> {
    return new Promise((resolve) => {
      this.held.push({
        name,
        isSent,
        release: (fate = 'answered') => {
          resolve(fate);
          return outcome;
        },
      });
    });
  }
}
