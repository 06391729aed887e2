import { explore, formatTrace, NO_END, TooManyStatesError } from './explore';
import { Fingerprint, StateIndex } from './fingerprint';
import { type Model, ProtocolViolation, type Step, StepList } from './model';

const BOUND = { maxStates: 10_000 };

/** Two counters that each go up to `top`. `forbid`: the values that must not be reached. `steps`: where there are any. */
function counters(options: {
  readonly top: number;
  readonly interchangeable: boolean;
  readonly forbid?: (a: number, b: number) => boolean;
  readonly steps?: (state: readonly [number, number]) => boolean;
}): Model<readonly [number, number]> {
  type State = readonly [number, number];
  return {
    symmetries: options.interchangeable ? 2 : 1,
    start: () => [0, 0],
    steps: (state: State): readonly Step<State>[] => {
      const list = new StepList<State>(state, (next) => next);
      if (options.steps?.(state) === false) return list.steps;
      const [a, b] = state;
      const raise = (actor: string, value: number, to: State): void => {
        if (value >= options.top) return;
        list.add(
          actor,
          'raised',
          () => `to ${String(value + 1)}`,
          () => {
            if (options.forbid?.(...to) === true) throw new ProtocolViolation(`forbidden: ${to.join(', ')}`);
            return to;
          },
        );
      };
      raise('A', a, [a + 1, b]);
      raise('B', b, [a, b + 1]);
      return list.steps;
    },
    wrongAtRest: ([a, b]) => (a === options.top && b === options.top ? undefined : 'stopped halfway'),
    encode: ([a, b], symmetry, out) => {
      out.add(symmetry === 0 ? a : b);
      out.add(symmetry === 0 ? b : a);
    },
  };
}

describe('explore', () => {
  it('counts every state and every step once', () => {
    expect(explore(counters({ top: 4, interchangeable: false }), BOUND)).toEqual({
      states: 25,
      steps: 40,
      ends: 1,
      depth: 8,
      violation: undefined,
      trace: [],
    });
  });

  it('counts states once that differ only by the names of interchangeable actors', () => {
    expect(explore(counters({ top: 4, interchangeable: true }), BOUND)).toMatchObject({
      states: 15,
      depth: 8,
      ends: 1,
    });
  });

  it('returns a shortest trace to a forbidden step', () => {
    const model = counters({ top: 4, interchangeable: false, forbid: (a, b) => a === 2 && b === 1 });
    const { violation, trace } = explore(model, BOUND);
    expect(violation).toBe('forbidden: 2, 1');
    expect(trace).toHaveLength(3);
    expect(formatTrace(trace)).toBe('1. A raised: to 1\n2. A raised: to 2\n3. B raised: to 1');
  });

  it('returns a shortest trace to a state without steps in which something is missing', () => {
    const model = counters({ top: 2, interchangeable: false, steps: ([a, b]) => a + b < 3 });
    const { violation, trace } = explore(model, BOUND);
    expect(violation).toBe('stopped halfway');
    expect(trace).toHaveLength(3);
  });

  it('finds a livelock, and the first state of it', () => {
    // 0 -> 1 -> 2 (the end), 0 -> 3 <-> 4 (forever).
    const edges: readonly (readonly number[])[] = [[1, 3], [2], [], [4], [3]];
    const model: Model<number> = {
      symmetries: 1,
      start: () => 0,
      steps: (state) =>
        (edges[state] ?? []).map((to) => ({
          actor: 'it',
          name: 'went',
          detail: () => String(to),
          to,
          violation: undefined,
        })),
      wrongAtRest: () => undefined,
      encode: (state, _, out) => out.add(state),
    };
    const { violation, trace } = explore(model, BOUND);
    expect(violation).toBe(NO_END);
    expect(trace).toEqual([{ actor: 'it', name: 'went', detail: '3' }]);
  });

  it('throws above the bound of states', () => {
    expect(() => explore(counters({ top: 40, interchangeable: false }), { maxStates: 100 })).toThrow(
      TooManyStatesError,
    );
  });
});

describe('StateIndex', () => {
  it('numbers 50,000 fingerprints in the order in which they come, and finds each again', () => {
    const index = new StateIndex();
    const fingerprint = new Fingerprint();
    const all = Array.from({ length: 50_000 }, (_, number) => {
      fingerprint.reset();
      fingerprint.add(number & 0xff);
      fingerprint.add(number >> 8);
      return fingerprint.value();
    });
    expect(new Set(all).size).toBe(50_000);
    expect(all.map((each) => index.numberOf(each))).toEqual(all.map((_, number) => number));
    expect(all.map((each) => index.numberOf(each))).toEqual(all.map((_, number) => number));
    expect(index.size).toBe(50_000);
  });
});
