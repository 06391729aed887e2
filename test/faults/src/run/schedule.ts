import { type Fault } from '../faults/fault';
import { Rng } from '@orderstream/random';

export interface ScheduleOptions {
  readonly seed: number;
  readonly faults: readonly Fault[];
  /** So many, in any order, each about as often as any other; undefined: each once, in the order of the catalogue. */
  readonly count: number | undefined;
  readonly perRound: number;
  /** Whether two faults may be inflicted at the same time. */
  readonly mixed: boolean;
}

/** A fault that is to come, with a seed of its own. */
export interface Scheduled {
  readonly fault: Fault;
  readonly seed: string;
}

/** Faults that are inflicted at the same time: one, or two that do not get into each other's way. */
export type Moment = readonly Scheduled[];

/** The moments between two comparisons. */
export type RoundPlan = readonly Moment[];

const PAIR_SHARE = 0.75;

/**
 * Faults in rounds, in a round one moment after the other. A seed repeats it, and each fault in it. One that loses messages
 * has a round to itself: what is missing at its end is taken for its doing, and sent again.
 */
export function schedule({ seed, faults, count, perRound, mixed }: ScheduleOptions): readonly RoundPlan[] {
  const rng = Rng.seeded(seed);
  const sequence: Fault[] = count === undefined && !mixed ? [...faults] : [];
  const wanted = count ?? faults.length;
  while (sequence.length < wanted) sequence.push(...rng.shuffled(faults).slice(0, wanted - sequence.length));
  const rounds: Scheduled[][][] = [];
  let round: Scheduled[][] = [];
  for (const [index, fault] of sequence.entries()) {
    const scheduled = { fault, seed: `${String(seed)}/${String(index)}` };
    if (fault.losesMessages === true) {
      rounds.push([[scheduled]]);
      continue;
    }
    if (round.flat().length === perRound) round = [];
    if (round.length === 0) rounds.push(round);
    const last = round.at(-1);
    const pairs = mixed && last?.length === 1 && last.every((other) => goTogether(other.fault, fault));
    if (pairs && rng.fraction() < PAIR_SHARE) last.push(scheduled);
    else round.push([scheduled]);
  }
  return rounds;
}

/** Records for each round: as many for each fault, whatever round it is in; `records` in all, or a few more. */
export function shareRecords(rounds: readonly RoundPlan[], records: number): readonly number[] {
  const faults = rounds.flat(2).length;
  return rounds.map((round) => Math.ceil((records * round.flat().length) / faults));
}

const goTogether = (one: Fault, other: Fault): boolean => !one.claims.some((claim) => other.claims.includes(claim));

/** The schedule in words, a line for each round. */
export const describeSchedule = (rounds: readonly RoundPlan[]): readonly string[] =>
  rounds.map(
    (moments, index) =>
      `${String(index + 1)}. ${moments.map((moment) => moment.map(({ fault }) => fault.name).join(' + ')).join(', ')}`,
  );
