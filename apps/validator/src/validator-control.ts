import { Injectable } from '@nestjs/common';
import type { ServiceControl } from '@orderstream/service';
import { Validators } from './validators';

/** What `/admin` shows of the validator and does with it. */
@Injectable()
export class ValidatorControl implements ServiceControl {
  constructor(private readonly validators: Validators) {}

  status(): object {
    const { families, settingsVersion } = this.validators;
    const opened = [...this.validators.opened()];
    return {
      settingsVersion,
      // Since the beginning of each assigned partition, restarts included.
      accounting: Object.fromEntries(
        families.map(({ family, partitions, server }) => [
          family,
          partitions.accounting(server.describe().partitions.map(({ partition }) => partition)),
        ]),
      ),
      effectiveWindows: Object.fromEntries(
        families.map(({ family }) => [
          family,
          least(opened.filter((one) => one.family === family).map(({ state }) => state.effectiveWindows())),
        ]),
      ),
      groups: families.map(({ server }) => {
        const { group, state } = server.describe();
        return { group, state };
      }),
      partitions: families.flatMap(({ server }) => server.describe().partitions),
    };
  }

  pause(): Promise<void> {
    for (const { server } of this.validators.families) server.pause();
    return Promise.resolve();
  }

  /** Partitions that the circuit breaker or an error stopped open again. */
  resume(): Promise<void> {
    for (const { server } of this.validators.families) server.resume();
    return Promise.resolve();
  }
}

/** The shortest window of each kind. */
function least(windows: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const shortest: Record<string, number> = {};
  for (const window of windows) {
    for (const [kind, ms] of Object.entries(window)) shortest[kind] = Math.min(shortest[kind] ?? Infinity, ms);
  }
  return shortest;
}
