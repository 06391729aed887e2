import fc from 'fast-check';

import { FAULTS } from './src/faults/catalogue';
import { Rng } from './src/run/rng';
import { schedule, type ScheduleOptions } from './src/run/schedule';

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
            round.map((moment) => moment.map(({ fault, seed }) => [fault.name, new Rng(seed).between(1, 1_000_000)])),
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
