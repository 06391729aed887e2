import { type Fault } from '../faults/fault';
import { Rng } from './rng';

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
  readonly seed: number;
}

/** Faults that are inflicted at the same time: one, or two that do not get into each other's way. */
export type Moment = readonly Scheduled[];

const PAIR_SHARE = 0.75;

/** Faults in rounds, in a round one moment after the other. A seed repeats it, and each fault in it. */
export function schedule({ seed, faults, count, perRound, mixed }: ScheduleOptions): readonly (readonly Moment[])[] {
  const rng = new Rng(seed);
  const sequence: Fault[] = count === undefined && !mixed ? [...faults] : [];
  const wanted = count ?? faults.length;
  while (sequence.length < wanted) sequence.push(...rng.shuffled(faults).slice(0, wanted - sequence.length));
  const rounds: Scheduled[][][] = [];
  for (const [index, fault] of sequence.entries()) {
    if (index % perRound === 0) rounds.push([]);
    const round = rounds.at(-1);
    const last = round?.at(-1);
    const scheduled = { fault, seed: Rng.seedOf(seed, index) };
    const pairs = mixed && last?.length === 1 && last.every((other) => goTogether(other.fault, fault));
    if (pairs && rng.next() < PAIR_SHARE) last.push(scheduled);
    else round?.push([scheduled]);
  }
  return rounds;
}

const goTogether = (one: Fault, other: Fault): boolean => !one.claims.some((claim) => other.claims.includes(claim));

/** The schedule in words, a line for each round. */
export const describeSchedule = (rounds: readonly (readonly Moment[])[]): readonly string[] =>
  rounds.map(
    (moments, index) =>
      `${String(index + 1)}. ${moments.map((moment) => moment.map(({ fault }) => fault.name).join(' + ')).join(', ')}`,
  );
