import type { TracedStep } from './explore';
import type { Model } from './model';

/**
 * What a model does where a trace of another one has a step. `same`: that very step. `other`: the same actor takes a step
 * of the same name, or of one that stands for it, which turns out otherwise. `none`: it takes no such step there. `unclear`: it may take several.
 */
export type Followed =
  | { readonly kind: 'same' | 'other'; readonly step: TracedStep }
  | { readonly kind: 'none' | 'unclear'; readonly step: undefined };

/**
 * Leads a model along the trace of another: the trace of a broken protocol, and what the protocol as it is does in its
 * place. Where it takes no such step it stands still, and goes on with the next one.
 * @param alike names of steps that stand for each other: one or the other is taken in the same place
 */
export function follow<S>(
  model: Model<S>,
  trace: readonly TracedStep[],
  alike: readonly (readonly string[])[] = [],
): readonly Followed[] {
  const isAlike = (one: string, other: string): boolean =>
    one === other || alike.some((names) => names.includes(one) && names.includes(other));
  // More than one where a step may lead to different states.
  let states: readonly S[] = [model.start()];
  return trace.map(({ actor, name, detail }): Followed => {
    const named = states
      .flatMap((state) => model.steps(state))
      .filter((step) => step.actor === actor && isAlike(step.name, name) && step.violation === undefined)
      .map(({ name: taken, detail: told, to }) => ({ name: taken, detail: told(), to }));
    const same = named.filter((step) => step.name === name && step.detail === detail);
    const details = new Set(named.map((step) => `${step.name}: ${step.detail}`));
    if (same.length === 0 && details.size !== 1) {
      return { kind: details.size === 0 ? 'none' : 'unclear', step: undefined };
    }
    const taken = same.length > 0 ? same : named;
    states = taken.map(({ to }) => to);
    return {
      kind: same.length > 0 ? 'same' : 'other',
      step: { actor, name: taken[0]?.name ?? name, detail: taken[0]?.detail ?? detail },
    };
  });
}
