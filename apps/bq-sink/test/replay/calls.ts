import { setTimeout as delay } from 'node:timers/promises';

/** What a sink asks of the world outside its process. */
export type CallName = 'fence' | 'read' | 'create' | 'finalize' | 'last-offset' | 'wait' | 'commit';

interface Parked {
  readonly name: CallName;
  /** Lets it through, and resolves with what was told of its outcome as soon as it has one. */
  readonly go: () => Promise<string>;
}

const NEVER = new Promise<never>(() => undefined);
const POLL_MS = 2;

/** A process' calls: each waits until it is let through, and never comes back to a process that was killed meanwhile. */
export class Calls {
  private readonly parked: Parked[] = [];
  private isFree = false;
  private isDead = false;

  /** @param tell what became of it, in the words of the model */
  async ask<T>(name: CallName, perform: () => T | Promise<T>, tell: (result: T) => string = () => ''): Promise<T> {
    if (!this.lives()) return NEVER;
    const told = Promise.withResolvers<string>();
    if (!this.isFree) {
      await new Promise<void>((resolve) => {
        this.parked.push({
          name,
          go: () => {
            resolve();
            return told.promise;
          },
        });
      });
    }
    if (!this.lives()) return NEVER;
    const result = await perform();
    told.resolve(tell(result));
    return this.lives() ? result : NEVER;
  }

  /** The call of this name, if it is the next one; undefined when another one waits, or none comes within the time. */
  async next(name: CallName, patienceMs: number): Promise<Parked | undefined> {
    const deadline = performance.now() + patienceMs;
    while (this.parked.length === 0 && performance.now() < deadline) await delay(POLL_MS);
    return this.parked[0]?.name === name ? this.parked.shift() : undefined;
  }

  get isWaiting(): boolean {
    return this.parked.length > 0;
  }

  /** From now on nothing waits. */
  free(): void {
    this.isFree = true;
    for (const { go } of this.parked.splice(0)) void go();
  }

  /** Resolves at once, if the process lives. */
  survives(): Promise<void> {
    return this.lives() ? Promise.resolve() : NEVER;
  }

  kill(): void {
    this.isDead = true;
    this.parked.length = 0;
  }

  lives(): boolean {
    return !this.isDead;
  }
}
