import { type StackPaths } from '../paths';
import { type Progress } from '../progress';
import { type Component, type ComponentStatus } from './component';
import { SupervisedComponent } from './supervised-component';

/** Starts the components, restarts those that die, and stops them in a given order. */
export class Supervisor {
  private readonly components = new Map<string, SupervisedComponent>();

  constructor(
    private readonly paths: StackPaths,
    private readonly progress: Progress,
  ) {}

  /**
   * Starts components that do not depend on each other, and waits until all of them are ready.
   *
   * @throws StartError if one exits before it is ready, DeadlineError if one is not ready in time
   */
  async start(components: readonly Component[], signal: AbortSignal): Promise<void> {
    const added = components.map((component) => {
      const supervised = new SupervisedComponent(component, this.paths, this.progress);
      this.components.set(component.name, supervised);
      return supervised;
    });
    await Promise.all(added.map((component) => component.start(signal)));
  }

  status(): ComponentStatus[] {
    return [...this.components.values()].map((component) => component.status());
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
}
