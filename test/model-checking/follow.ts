import type { TracedStep } from './explore';
import type { Model } from './model';

/**
 * What a model does in the place of one step of another model's trace. `same`: it takes that step. `other`: the same
 * actor takes a step of the same name, or of an equivalent one, with a different detail. `none`: it has no such step.
 * `unclear`: several steps match.
 */
export type Followed =
  | { readonly kind: 'same' | 'other'; readonly step: TracedStep }
  | { readonly kind: 'none' | 'unclear'; readonly step: undefined };

/**
 * Leads a model along the trace of another model, such as a deliberately broken one, and returns what it does in place of
 * each step. Where it has no matching step it stays in its state, and goes on with the next step of the trace.
 *
 * @param equivalents groups of step names; a step of one name matches a step of any name in its group
 */
export function follow<S>(
  model: Model<S>,
  trace: readonly TracedStep[],
  equivalents: readonly (readonly string[])[] = [],
): readonly Followed[] {
  const isEquivalent = (one: string, other: string): boolean =>
    one === other || equivalents.some((names) => names.includes(one) && names.includes(other));
  // One step can lead to several states.
  let states: readonly S[] = [model.start()];
  return trace.map(({ actor, name, detail }): Followed => {
    const matching = states
      .flatMap((state) => model.steps(state))
      .filter((step) => step.actor === actor && isEquivalent(step.name, name) && step.violation === undefined)
      .map((step) => ({ name: step.name, detail: step.detail(), to: step.to }));
    const same = matching.filter((step) => step.name === name && step.detail === detail);
    const details = new Set(matching.map((step) => `${step.name}: ${step.detail}`));
    if (same.length === 0 && details.size !== 1) {
      return { kind: details.size === 0 ? 'none' : 'unclear', step: undefined };
    }
    const taken = same.length > 0 ? same : matching;
    states = taken.map(({ to }) => to);
    return {
      kind: same.length > 0 ? 'same' : 'other',
      step: { actor, name: taken[0]?.name ?? name, detail: taken[0]?.detail ?? detail },
    };
  });
}
