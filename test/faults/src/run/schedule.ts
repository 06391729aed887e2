import { Rng } from '@orderstream/random';

import { type Fault } from '../faults/fault';

export interface ScheduleOptions {
  readonly seed: number;
  readonly faults: readonly Fault[];
  /** Number of faults in random order, each about as often as any other. Undefined: each fault once. */
  readonly count: number | undefined;
  readonly perRound: number;
  /** Whether two faults may be injected at the same time. If not, faults without a count are in the order of the catalogue. */
  readonly mixed: boolean;
}

/** A fault with a seed of its own. */
export interface ScheduledFault {
  readonly fault: Fault;
  readonly seed: string;
}

/** Faults that are injected at the same time: one, or two without a claim in common. */
export type Moment = readonly ScheduledFault[];

/** The moments between two comparisons. */
export type RoundPlan = readonly Moment[];

const PAIR_SHARE = 0.75;

/**
 * Divides faults into rounds, and rounds into moments. The same seed gives the same schedule, and the same seed for each
 * fault. A fault that loses messages has a round of its own: what is missing after it counts as lost by Pub/Sub, and is
 * published again. A fault that must be alone has one as well, and is injected once.
 */
export function schedule({ seed, faults, count, perRound, mixed }: ScheduleOptions): readonly RoundPlan[] {
  const rng = Rng.seeded(seed);
  const sequence: Fault[] = count === undefined && !mixed ? [...faults] : [];
  const repeatable = faults.filter(({ isAlone }) => isAlone !== true);
  // Without a fault that may be repeated, there are no more faults than kinds.
  const wanted = repeatable.length === 0 ? Math.min(count ?? faults.length, faults.length) : (count ?? faults.length);
  while (sequence.length < wanted) {
    const chosen = rng.shuffled(sequence.length === 0 ? faults : repeatable);
    sequence.push(...chosen.slice(0, wanted - sequence.length));
  }
  const rounds: ScheduledFault[][][] = [];
  let round: ScheduledFault[][] = [];
  for (const [index, fault] of sequence.entries()) {
    const scheduled = { fault, seed: `${String(seed)}/${String(index)}` };
    if (fault.losesMessages === true || fault.isAlone === true) {
      rounds.push([[scheduled]]);
      continue;
    }
    if (round.flat().length === perRound) round = [];
    if (round.length === 0) rounds.push(round);
    const last = round.at(-1);
    const canPair = mixed && last?.length === 1 && last.every((other) => isCompatible(other.fault, fault));
    if (canPair && rng.fraction() < PAIR_SHARE) last.push(scheduled);
    else round.push([scheduled]);
  }
  return rounds;
}

/** Divides records among rounds, in proportion to their faults. The sum is `records`, or a few more. */
export function shareRecords(rounds: readonly RoundPlan[], records: number): readonly number[] {
  const faults = rounds.flat(2).length;
  return rounds.map((round) => Math.ceil((records * round.flat().length) / faults));
}

const isCompatible = (one: Fault, other: Fault): boolean => !one.claims.some((claim) => other.claims.includes(claim));

/** One line for each round. */
export const describeSchedule = (rounds: readonly RoundPlan[]): readonly string[] =>
  rounds.map(
    (moments, index) =>
      `${String(index + 1)}. ${moments.map((moment) => moment.map(({ fault }) => fault.name).join(' + ')).join(', ')}`,
  );
