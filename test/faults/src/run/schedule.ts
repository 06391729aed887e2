import { type Fault } from '../faults/fault';
import { type Rng } from './rng';

export interface ScheduleOptions {
  readonly faults: readonly Fault[];
  /** So many, at random; undefined: each once, in the order of the catalogue. */
  readonly count: number | undefined;
  readonly perRound: number;
  /** Whether two faults may be inflicted at the same time. */
  readonly mixed: boolean;
}

/** Faults in rounds; in a round one after the other, and where they are mixed two at a time now and then. A seed repeats it. */
export function schedule({ faults, count, perRound, mixed }: ScheduleOptions, rng: Rng): Fault[][][] {
  const sequence = count === undefined ? [...faults] : Array.from({ length: count }, () => rng.pick(faults));
  const rounds: Fault[][][] = [];
  for (let start = 0; start < sequence.length; start += perRound) {
    const round: Fault[][] = [];
    for (const fault of sequence.slice(start, start + perRound)) {
      const last = round.at(-1);
      if (mixed && last?.length === 1 && last[0] !== fault && rng.next() < 0.4) last.push(fault);
      else round.push([fault]);
    }
    rounds.push(round);
  }
  return rounds;
}
