import { type Family } from '@orderstream/contracts';
import { type KafkaRecord } from '@orderstream/kafka';
import { type PlantedRecords } from '@orderstream/ledger';
import { type Rng } from '@orderstream/random';

import { type CommittedOffsets } from '../run/committed-offsets';
import { type App, type Backend, type Consumer, type FaultStack, type Link } from '../stack/fault-stack';

/** What a fault uses alone, or makes unavailable, while it lasts. */
export type Claim = App | Backend | Link | 'write-api';

/** Services whose recovery is awaited and measured. */
export type Recovering = Consumer | 'order-generator' | 'subscription-emulator';

/** What a fault is injected into. */
export interface FaultContext {
  readonly stack: FaultStack;
  readonly offsets: CommittedOffsets;
  /** This fault's own: the same seed gives the same numbers, whatever else happens at the same time. */
  readonly rng: Rng;
  /** Records that a fault sends besides the generator. */
  readonly planted: PlantedRecords;
  /** See `RunVerifier.archiveLog`. To be called before a raw topic is deleted. */
  readonly archiveLog: (family: Family) => Promise<readonly KafkaRecord[]>;
  /** Claims of the other faults of the same moment. */
  readonly claimed: ReadonlySet<Claim>;
}

/** What a fault reports when it has ended. */
export interface Outcome {
  /** For the report. */
  readonly detail?: string;
  /** Promises that a service has broken, and faults that took no effect. One makes the run red. */
  readonly broken?: readonly string[];
  /** Numbers for the report by name. A name ends in its unit. */
  readonly measures?: Readonly<Record<string, number>>;
}

export interface Fault {
  readonly name: string;
  readonly description: string;
  /** Two faults with a claim in common are not injected at the same time. */
  readonly claims: readonly Claim[];
  /** Services that must process records again, and catch up, after the fault. */
  readonly recovers: readonly Recovering[];
  /**
   * Injects the fault and resolves at its end: after a kill at once, otherwise when everything works again. Repairs what
   * does not recover by itself. Rejects when the fault could not be injected.
   */
  inject(context: FaultContext): Promise<Outcome>;
  /** No other fault may be in its round, and it is injected once in a run, however many faults are. */
  readonly isAlone?: boolean;
  /** Pub/Sub loses messages that it has acknowledged: the bridge has to be rewound. */
  readonly losesMessages?: boolean;
}
