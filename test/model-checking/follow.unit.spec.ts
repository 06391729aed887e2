import { follow } from './follow';
import type { Model } from './model';

/** A model whose states are numbers. `edges`: the steps from each state, by name and target. */
const walk = (edges: Readonly<Record<number, readonly (readonly [name: string, to: number])[]>>): Model<number> => ({
  symmetries: 1,
  start: () => 0,
  steps: (state) =>
    (edges[state] ?? []).map(([name, to]) => ({
      actor: 'it',
      name,
      detail: () => `to ${String(to)}`,
      to,
      violation: undefined,
    })),
  wrongAtRest: () => undefined,
  encode: (state, _, out) => {
    out.add(state);
  },
});

const step = (name: string, to: number) => ({ actor: 'it', name, detail: `to ${String(to)}` });

describe('follow', () => {
  it('takes the steps of a trace where it can, and returns what it does instead where it cannot', () => {
    const model = walk({
      0: [['went', 1]],
      1: [['went', 2]],
      2: [
        ['jumped', 5],
        ['jumped', 6],
        ['went', 3],
      ],
    });
    const trace = [step('went', 1), step('went', 7), step('flew', 8), step('jumped', 9), step('went', 3)];
    expect(follow(model, trace)).toEqual([
      { kind: 'same', step: step('went', 1) },
      { kind: 'other', step: step('went', 2) },
      { kind: 'none', step: undefined },
      { kind: 'unclear', step: undefined },
      { kind: 'same', step: step('went', 3) },
    ]);
  });

  it('takes a step of an equivalent name as another step', () => {
    const model = walk({ 0: [['ran', 1]] });
    expect(follow(model, [step('went', 1)], [['went', 'ran']])).toEqual([{ kind: 'other', step: step('ran', 1) }]);
    expect(follow(model, [step('went', 1)], [['went', 'flew']])).toEqual([{ kind: 'none', step: undefined }]);
  });

  it('follows every state that the same step can lead to', () => {
    const twins: Model<number> = {
      ...walk({}),
      steps: (state) =>
        state === 0
          ? [1, 2].map((to) => ({ ...step('split', 0), detail: () => 'to either', to, violation: undefined }))
          : [{ ...step('met', state), detail: () => `from ${String(state)}`, to: 3, violation: undefined }],
    };
    const trace = [
      { ...step('split', 0), detail: 'to either' },
      { ...step('met', 0), detail: 'from 2' },
    ];
    expect(follow(twins, trace).map(({ kind }) => kind)).toEqual(['same', 'same']);
  });
});
