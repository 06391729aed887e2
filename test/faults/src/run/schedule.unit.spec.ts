import { Rng } from '@orderstream/random';
import fc from 'fast-check';

import { FAULTS } from '../faults/catalogue';
import { type Fault } from '../faults/fault';
import { schedule, type ScheduleOptions, shareRecords } from './schedule';

const options = fc.record<ScheduleOptions>({
  seed: fc.integer({ min: 1, max: 1_000_000 }),
  faults: fc.constant(FAULTS),
  count: fc.option(fc.integer({ min: 1, max: 300 }), { nil: undefined }),
  perRound: fc.integer({ min: 1, max: 20 }),
  mixed: fc.boolean(),
});

/** The faults of a schedule, each with the first number that it draws. */
const drawn = (chosen: ScheduleOptions): readonly (readonly [string, number])[] =>
  schedule(chosen)
    .flat(2)
    .map(({ fault, seed }) => [fault.name, Rng.seeded(seed).between(1, 1_000_000)]);

const ownsRound = ({ losesMessages = false, isAlone = false }: Fault): boolean => losesMessages || isAlone;

describe('schedule', () => {
  it('gives the same faults, with the same numbers, for the same seed', () => {
    fc.assert(
      fc.property(options, (chosen) => {
        expect(schedule(chosen)).toEqual(schedule(chosen));
        expect(drawn(chosen)).toEqual(drawn(chosen));
      }),
      { numRuns: 30 },
    );
  });

  it('gives other faults, with other numbers, for another seed', () => {
    const chosen = { faults: FAULTS, count: 100, perRound: 10, mixed: true };
    const [one, other] = [drawn({ ...chosen, seed: 1 }), drawn({ ...chosen, seed: 2 })];
    expect(one.map(([name]) => name)).not.toEqual(other.map(([name]) => name));
    expect(one.map(([, number]) => number)).not.toEqual(other.map(([, number]) => number));
    expect(new Set(one.map(([, number]) => number)).size).toBeGreaterThan(95);
  });

  it('has the wanted number of faults, each about as often as any other, and those that must be alone once at most', () => {
    fc.assert(
      fc.property(options, (chosen) => {
        const all = schedule(chosen).flat(2);
        expect(all).toHaveLength(chosen.count ?? FAULTS.length);
        const timesOf = (alone: boolean): number[] =>
          FAULTS.filter(({ isAlone = false }) => isAlone === alone).map(
            (fault) => all.filter((each) => each.fault === fault).length,
          );
        const times = timesOf(false);
        expect(Math.max(...times) - Math.min(...times)).toBeLessThanOrEqual(1);
        expect(Math.max(...timesOf(true))).toBeLessThanOrEqual(1);
      }),
      { numRuns: 30 },
    );
  });

  it('keeps the order of the catalogue where there is neither a count nor a mix', () => {
    const faults = schedule({ seed: 1, faults: FAULTS, count: undefined, perRound: 10, mixed: false }).flat(2);
    const losing = (owns: boolean): string[] =>
      FAULTS.filter((fault) => ownsRound(fault) === owns).map(({ name }) => name);
    const names = faults.map(({ fault }) => fault.name);
    expect(names.filter((name) => losing(false).includes(name))).toEqual(losing(false));
  });

  it('gives a fault that loses messages, or must be alone, a round of its own, and the others full rounds', () => {
    fc.assert(
      fc.property(options, (chosen) => {
        const rounds = schedule(chosen).map((round) => round.flat().map(({ fault }) => fault));
        const [losing, others] = [true, false].map((owns) => rounds.filter((round) => round.some(ownsRound) === owns));
        expect(losing?.filter(({ length }) => length !== 1)).toEqual([]);
        expect(others?.slice(0, -1).filter(({ length }) => length !== chosen.perRound)).toEqual([]);
        expect(rounds.filter(({ length }) => length === 0 || length > chosen.perRound)).toEqual([]);
      }),
      { numRuns: 30 },
    );
    const faults = schedule({ seed: 1, faults: FAULTS, count: 200, perRound: 10, mixed: true }).flat(2);
    expect(faults.some(({ fault }) => fault.losesMessages)).toBe(true);
    expect(faults.filter(({ fault }) => fault.isAlone)).toHaveLength(FAULTS.filter(({ isAlone }) => isAlone).length);
  });

  it('pairs faults only if they are mixed, and none with another that has a claim in common', () => {
    fc.assert(
      fc.property(options, (chosen) => {
        for (const moment of schedule(chosen).flat()) {
          expect(moment.length).toBeLessThanOrEqual(chosen.mixed ? 2 : 1);
          const claims = moment.flatMap(({ fault }) => fault.claims);
          expect(new Set(claims).size).toBe(claims.length);
        }
      }),
      { numRuns: 30 },
    );
    const mixed = schedule({ seed: 1, faults: FAULTS, count: 200, perRound: 10, mixed: true }).flat();
    const pairs = mixed.filter(({ length }) => length === 2).length;
    expect(pairs).toBeGreaterThan(30);
    expect(mixed.length - pairs).toBeGreaterThan(30);
  });
});

describe('shareRecords', () => {
  it('gives each round records in proportion to its faults, and at least as many in all as wanted', () => {
    fc.assert(
      fc.property(options, fc.integer({ min: 1, max: 1_000_000 }), (chosen, records) => {
        const rounds = schedule(chosen);
        const faults = rounds.flat(2).length;
        const shares = shareRecords(rounds, records);
        const sum = shares.reduce((all, share) => all + share, 0);
        expect(sum).toBeGreaterThanOrEqual(records);
        expect(sum).toBeLessThan(records + rounds.length);
        for (const [index, round] of rounds.entries()) {
          const exact = (records / faults) * round.flat().length;
          expect(Math.abs((shares[index] ?? 0) - exact)).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 30 },
    );
  });
});
