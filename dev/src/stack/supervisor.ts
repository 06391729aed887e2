import { type PortTakenError } from '../errors';
import { type StackPaths } from '../paths';
import { type Progress } from '../progress';
import { type Component, type ComponentStatus } from './component';
import { SupervisedComponent, type WhileDown } from './supervised-component';

const CHECK_INTERVAL_MS = 5_000;

/** Starts the components, restarts those that exit or do not answer, and stops them in a given order. */
export class Supervisor {
  private readonly components = new Map<string, SupervisedComponent>();
  private readonly failing = new AbortController();

  /** @param checkIntervalMs time between two checks whether a component answers */
  constructor(
    private readonly paths: StackPaths,
    private readonly progress: Progress,
    private readonly checkIntervalMs = CHECK_INTERVAL_MS,
  ) {}

  /**
   * Aborts, with a PortTakenError, when another program has taken the port of a component. All processes are killed by
   * then: a stop would let them write what they hold to that program.
   */
  get failed(): AbortSignal {
    return this.failing.signal;
  }

  /**
   * Starts components that do not depend on each other, and waits until all of them are ready.
   *
   * @throws StartError if one exits before it is ready, PortTakenError, DeadlineError if one is not ready in time
   */
  async start(components: readonly Component[], signal: AbortSignal): Promise<void> {
    const added = components.map((component) => {
      const supervised = new SupervisedComponent(component, this.paths, this.progress, {
        checkIntervalMs: this.checkIntervalMs,
        onPortTaken: (error) => {
          this.fail(error);
        },
      });
      this.components.set(component.name, supervised);
      return supervised;
    });
    await Promise.all(added.map((component) => component.start(signal)));
  }

  status(): ComponentStatus[] {
    return [...this.components.values()].map((component) => component.status());
  }

  /** See `SupervisedComponent.restart`. */
  async restart(name: string, cause: string, whileDown?: WhileDown): Promise<void> {
    const component = this.components.get(name);
    if (component === undefined) throw new Error(`there is no component ${name}`);
    await component.restart(cause, whileDown);
  }

  /** Stops one component after the other. Those not in `order` come last, in the reverse order of their start. */
  async stop(order: readonly string[]): Promise<void> {
    const others = [...this.components.keys()].filter((name) => !order.includes(name)).reverse();
    for (const name of [...order, ...others]) await this.components.get(name)?.stop();
  }

  /** Kills all processes at once. */
  kill(): void {
    for (const component of this.components.values()) component.kill();
  }

  private fail(error: PortTakenError): void {
    this.kill();
    this.failing.abort(error);
  }
}
