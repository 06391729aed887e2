import { type Consumer, type FaultStack } from '../stack/fault-stack';
import { type Rng } from '../run/rng';

/** One thing that goes wrong, as data. */
export interface Fault {
  readonly name: string;
  /** Whom it hurts, and how, in a few words. */
  readonly description: string;
  /** Consumers whose positions have to move again and to catch up: the criterion of recovery. */
  readonly recovers: readonly Consumer[];
  /**
   * Does it, and mends what does not mend itself. Resolves at the end of the fault: after a kill at once, else when all is
   * whole again. @returns what the report is to say of this time, if anything
   */
  inflict(stack: FaultStack, rng: Rng): Promise<string | undefined>;
  /** Pub/Sub loses what it had acknowledged: the bridge has to be rewound. */
  readonly losesMessages?: boolean;
}
