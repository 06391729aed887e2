import { setTimeout as delay } from 'node:timers/promises';

/** `late`: done, and the answer waits until it is let through. `undone`: given up before it was done. */
export type Fate = 'answered' | 'late' | 'undone';

/** A call that waits to be let through. */
export interface HeldCall {
  /** Lets it through. Resolves with what is told of its outcome; undefined if it failed. */
  go(fate?: Fate): Promise<string | undefined>;
}

interface Parked<N> extends HeldCall {
  readonly name: N;
  readonly isSent: boolean;
}

interface Asking<T> {
  /** What became of it, in the words of the model. */
  readonly tell?: (result: T) => string;
  /** It has left the process: it may take effect after its end. */
  readonly isSent?: boolean;
}

const POLL_MS = 2;

/**
 * What a process asks of the world outside, by name: each call waits until a replay lets it through. None comes back to a
 * process that was killed meanwhile.
 */
export class HeldCalls<N extends string> {
  private parked: Parked<N>[] = [];
  /** Lets the answers through that are late, the oldest first. */
  private late: (() => void)[] = [];
  private isFree = false;
  private isDead = false;
  /** What a call of a dead process waits for. */
  private readonly over = Promise.withResolvers<never>();

  async ask<T>(name: N, perform: () => T | Promise<T>, asking: Asking<T> = {}): Promise<T> {
    if (!this.lives()) return this.over.promise;
    const { tell = () => '', isSent = false } = asking;
    const told = Promise.withResolvers<string | undefined>();
    const fate = this.isFree ? 'answered' : await this.turnOf(name, isSent, told.promise);
    try {
      if (fate === 'undone') throw new Error(`${name}: given up`);
      const result = await perform();
      told.resolve(tell(result));
      if (fate === 'late') await new Promise<void>((resolve) => this.late.push(resolve));
      return await (this.lives() ? result : this.over.promise);
    } catch (error) {
      told.resolve(undefined);
      if (!this.lives()) return this.over.promise;
      throw error;
    }
  }

  /** The call of this name, if it is the next one; undefined when another one waits, or none comes within the time. */
  async next(name: N, timeoutMs: number): Promise<HeldCall | undefined> {
    const deadline = performance.now() + timeoutMs;
    while (this.parked.length === 0 && performance.now() < deadline) await delay(POLL_MS);
    return this.parked[0]?.name === name ? this.parked.shift() : undefined;
  }

  /** Whether a call of this name waits, or does so within the time. */
  async waitsFor(name: N, timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    while (!this.has(name) && performance.now() < deadline) await delay(POLL_MS);
    return this.has(name);
  }

  /** Whether a call of this name waits. */
  has(name: N): boolean {
    return this.parked.some((call) => call.name === name);
  }

  /** Lets the oldest answer through that is late. Returns whether there was one. */
  answerLate(): boolean {
    const answer = this.late.shift();
    answer?.();
    return answer !== undefined;
  }

  /** From now on nothing waits. */
  free(): void {
    this.isFree = true;
    while (this.answerLate());
    for (const call of this.parked.splice(0)) void call.go();
  }

  /** Of what waits, only what was sent is left. */
  kill(): void {
    this.isDead = true;
    this.parked = this.parked.filter(({ isSent }) => isSent);
  }

  /** Ends what a dead process waits for: the replay is over. */
  end(cause: Error): void {
    this.isDead = true;
    this.over.promise.catch(() => undefined);
    this.over.reject(cause);
    while (this.answerLate());
    for (const call of this.parked.splice(0)) void call.go('undone');
  }

  /** A method, and no property: it may change with every `await`. */
  lives(): boolean {
    return !this.isDead;
  }

  /** Resolves at once, if the process lives. */
  survives(): Promise<void> {
    return this.lives() ? Promise.resolve() : this.over.promise;
  }

  private turnOf(name: N, isSent: boolean, told: Promise<string | undefined>): Promise<Fate> {
    return new Promise((resolve) => {
      this.parked.push({
        name,
        isSent,
        go: (fate = 'answered') => {
          resolve(fate);
          return told;
        },
      });
    });
  }
}
