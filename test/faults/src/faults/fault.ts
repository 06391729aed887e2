import { type PlantedRecords } from '@orderstream/ledger';
import { type Positions } from '../run/positions';
import { type Rng } from '@orderstream/random';
import { type App, type Backend, type Consumer, type FaultStack, type Wire } from '../stack/fault-stack';

/** What a fault needs for itself, or takes from the others, while it lasts. */
export type Claim = App | Backend | Wire | 'write-api';

/** Whose coming back is awaited and timed. */
export type Recovering = Consumer | 'order-generator' | 'subscription-emulator';

/** Where a fault is inflicted. */
export interface Scene {
  readonly stack: FaultStack;
  readonly positions: Positions;
  /** This fault's alone: the same seed gives the same numbers, whatever happens at the same time. */
  readonly rng: Rng;
  /** Where to note what is sent past the generator. */
  readonly planted: PlantedRecords;
  /** What other faults of the same moment claim. */
  readonly claimed: ReadonlySet<Claim>;
}

/** What became of it. */
export interface Outcome {
  /** What the report is to say of this time. */
  readonly detail?: string;
  /** What a service promises and did not keep, beside the accounts; one is enough to turn the suite red. */
  readonly broken?: readonly string[];
  /** Numbers for the report by name, which ends in their unit. */
  readonly measures?: Readonly<Record<string, number>>;
}

/** One thing that goes wrong, as data. */
export interface Fault {
  readonly name: string;
  /** Whom it hurts, and how, in a few words. */
  readonly description: string;
  /** Two faults with a claim in common are not inflicted at the same time. */
  readonly claims: readonly Claim[];
  /** Who has to move again and to catch up: the criterion of recovery. */
  readonly recovers: readonly Recovering[];
  /**
   * Does it, and mends what does not mend itself. Resolves at the end of the fault: after a kill at once, else when all is
   * whole again. Rejects when it could not be inflicted.
   */
  inflict(scene: Scene): Promise<Outcome>;
  /** Pub/Sub loses what it had acknowledged: the bridge has to be rewound. */
  readonly losesMessages?: boolean;
}
