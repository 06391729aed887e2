import { type KafkaRecord } from '@orderstream/kafka';
import { type ChosenLetters } from './chosen-letters';
import { type DryRunSource } from './dry-run';
import { type DryRun, type PreviewSource } from './plan';
import { type CreatedEvent } from './plan-events';
import { letterName } from './receipts';
import { type PartitionIo } from './replay-io';

/** What is evaluated: the chosen letters of each partition. */
export interface ChosenTopic {
  readonly topic: string;
  readonly created: CreatedEvent;
  readonly io: readonly Pick<PartitionIo, 'readLetters'>[];
  readonly chosen: readonly (ChosenLetters | undefined)[];
  readonly source: Pick<DryRunSource, 'partition'>;
  readonly isErased?: ((record: KafkaRecord) => boolean) | undefined;
  readonly clock: () => Date;
}

/** What an evaluation finds. */
export interface Evaluation {
  readonly dryRun: DryRun;
  readonly samples: readonly string[];
  readonly sources?: readonly PreviewSource[];
  /** See `PlanRecord`. */
  readonly rejectedFrom?: Readonly<Record<string, readonly number[]>>;
  readonly warnings: readonly string[];
  /** Whether the rules evaluated letters. */
  readonly byRules: boolean;
}

const MAX_SAMPLES = 5;

/** The first letters that are evaluated. */
export class Samples {
  readonly letters: string[] = [];

  constructor(private readonly topic: string) {}

  add(partition: number, offset: number): void {
    if (this.letters.length < MAX_SAMPLES) this.letters.push(letterName(this.topic, partition, offset));
  }
}

/** A warning for each count that is not 0. */
export const counted = (counts: Readonly<Record<string, number>>): string[] =>
  Object.entries(counts).flatMap(([what, count]) => (count === 0 ? [] : [`${String(count)} ${what}.`]));
