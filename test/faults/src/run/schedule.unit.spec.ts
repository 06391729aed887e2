import fc from 'fast-check';

import { FAULTS } from '../faults/catalogue';
import { Rng } from '@orderstream/random';
import { schedule, type ScheduleOptions, shareRecords } from './schedule';

const options = fc.record<ScheduleOptions>({
  seed: fc.integer({ min: 1, max: 1_000_000 }),
  faults: fc.constant(FAULTS),
  count: fc.option(fc.integer({ min: 1, max: 300 }), { nil: undefined }),
  perRound: fc.integer({ min: 1, max: 20 }),
  mixed: fc.boolean(),
});

describe('schedule', () => {
  it('is repeated by its seed, and so is what each fault draws', () => {
    fc.assert(
      fc.property(options, (chosen) => {
        const drawn = (): unknown =>
          schedule(chosen).map((round) =>
            round.map((moment) =>
              moment.map(({ fault, seed }) => [fault.name, Rng.seeded(seed).between(1, 1_000_000)]),
            ),
          );
        expect(drawn()).toEqual(drawn());
      }),
      { numRuns: 30 },
    );
  });

  it('has as many faults as asked for, each about as often as any other', () => {
    fc.assert(
      fc.property(options, (chosen) => {
        const all = schedule(chosen).flat(2);
        expect(all).toHaveLength(chosen.count ?? FAULTS.length);
        const times = FAULTS.map((fault) => all.filter((each) => each.fault === fault).length);
        expect(Math.max(...times) - Math.min(...times)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 30 },
    );
  });

  it('gives a fault that loses messages a round to itself, and the others rounds of their size', () => {
    fc.assert(
      fc.property(options, (chosen) => {
        const rounds = schedule(chosen).map((round) => round.flat().map(({ fault }) => fault));
        const [losing, others] = [true, false].map((loses) =>
          rounds.filter((round) => round.some(({ losesMessages = false }) => losesMessages) === loses),
        );
        expect(losing?.filter(({ length }) => length !== 1)).toEqual([]);
        expect(others?.slice(0, -1).filter(({ length }) => length !== chosen.perRound)).toEqual([]);
        expect(rounds.filter(({ length }) => length === 0 || length > chosen.perRound)).toEqual([]);
      }),
      { numRuns: 30 },
    );
    const faults = schedule({ seed: 1, faults: FAULTS, count: 200, perRound: 10, mixed: true }).flat(2);
    expect(faults.some(({ fault }) => fault.losesMessages)).toBe(true);
  });

  it('gives each round records by the number of its faults, and no fewer than there are in all', () => {
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

  it('pairs faults only where they are mixed, and none with another that wants the same', () => {
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
