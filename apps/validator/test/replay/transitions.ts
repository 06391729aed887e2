import type { TracedStep } from '../../../../test/model-checking/explore';
import { formatMemory, formatPosition, type Transition, WHILE_RESTORING } from '../model/loop';
import type { FaultPoint } from '../../src/partitions/fault-points';
import type { Actor } from './actor';
import { memoryOf } from './letters';
import type { Stage } from './stage';

/** A step of the model that is to be taken. */
interface Cue {
  readonly stage: Stage;
  /** Who is to take it, if there is such a process. */
  readonly actor: Actor | undefined;
  readonly step: TracedStep;
  /** How long what the code does of itself may take. */
  readonly timeoutMs: number;
}

export interface Outcome {
  /** Where the code goes the other one of two ways. */
  readonly name?: Transition;
  readonly told: string;
  /** Who has taken it, or has heard of it. */
  readonly by?: Actor | undefined;
}

interface Play {
  /** Points of the code (FaultPoint) that it comes to, where the process is there to do so. */
  readonly comesTo: readonly FaultPoint[];
  /** Lets it happen. Returns how it turned out, in the words of the model; undefined when nobody takes such a step. */
  readonly take: (cue: Cue) => Promise<Outcome | undefined>;
}

/**
 * The state is brought to the committed position: with what there is in memory (`settled`), or from the topics; or it is
 * that of another position, and the former owner lets go.
 */
async function restores({ actor, timeoutMs }: Cue): Promise<Outcome | undefined> {
  const parked = await actor?.calls.next('restore', timeoutMs);
  if (parked === undefined || actor === undefined) return undefined;
  await parked.go();
  if (!(await actor.opensOrAsks())) {
    await (await actor.calls.next('read', 0))?.go();
    await actor.untilOpen().catch(() => undefined);
    return { name: 'closed', told: WHILE_RESTORING };
  }
  const { state, stateBefore } = actor;
  if (state === undefined) return undefined;
  return { name: state === stateBefore ? 'settled' : 'restored', told: formatMemory(memoryOf(state)), by: actor };
}

const nothing = (): Promise<undefined> => Promise.resolve(undefined);

/** How each transition of the model is led over in the code: the one place where the names of both meet. */
export const TRANSITIONS: Readonly<Record<Transition, Play>> = {
  // The point of this name comes behind the read, which the code does in the same call.
  fenced: {
    comesTo: [],
    take: async ({ stage, step: { actor: name }, timeoutMs }) => {
      const { owner } = stage;
      const actor = stage.process(name);
      const isFree = owner === undefined || (owner === actor && !owner.isWell);
      await actor.open(owner !== actor);
      stage.owner = actor;
      await (await actor.calls.next('fence', timeoutMs))?.go();
      return { told: isFree ? '' : 're-assigned', by: actor };
    },
  },
  'committed-read': {
    comesTo: ['fenced'],
    take: async ({ stage, actor, timeoutMs }) => {
      const parked = await actor?.calls.next('read', timeoutMs);
      if (parked === undefined) return undefined;
      const { offset, commit } = await stage.committed();
      await parked.go();
      return { told: formatPosition({ offset, token: commit }), by: actor };
    },
  },
  restored: { comesTo: ['restored'], take: restores },
  settled: { comesTo: ['restored'], take: restores },
  // Its transaction is written with it, up to the request to end it.
  evaluated: {
    comesTo: ['evaluated'],
    take: async ({ actor, step: { detail }, timeoutMs }) => {
      const [, to, last] = /to (\d+) .*?(\w+)$/.exec(detail) ?? [];
      if (actor === undefined || to === undefined) return undefined;
      actor.evaluator.undecided = last === 'rejected' ? 'rejected' : 'accepted';
      const from = actor.take(Number(to) + 1);
      if (from === undefined || !(await actor.calls.waitsFor('commit', timeoutMs))) return undefined;
      return { told: `${String(from)} to ${to} ${actor.evaluator.outcomes.join(', ')}`, by: actor };
    },
  },
  committed: {
    comesTo: ['committed', 'folded'],
    take: async ({ stage, step: { detail }, timeoutMs }) => {
      const number = Number(/by commit (\d+)/.exec(detail)?.[1]);
      const actor = stage.all.find(({ commit, calls }) => commit === number && calls.has('commit'));
      const parked = await actor?.calls.next('commit', 0);
      if (parked === undefined || actor === undefined) return undefined;
      const [, unheard = ''] = /(, unknown to .)$/.exec(detail) ?? [];
      if ((await parked.go(unheard === '' ? 'answered' : 'late')) === undefined) return undefined;
      if (unheard !== '') actor.giveUp(number);
      const { offset, commit } = await stage.committedBy(number, timeoutMs);
      const isHeard = unheard === '' && actor.calls.lives();
      return { told: `${formatPosition({ offset, token: commit })}${unheard}`, by: isHeard ? actor : undefined };
    },
  },
  'late-answer': {
    comesTo: [],
    take: async ({ stage, step: { detail } }) => {
      const [, to = ''] = / to (.)$/.exec(detail) ?? [];
      const commit = await stage.actors.get(to)?.hearLate();
      return commit === undefined ? undefined : { told: `commit ${String(commit)} to ${to}` };
    },
  },
  folded: { comesTo: [], take: nothing },
  waiting: { comesTo: [], take: nothing },
  failed: {
    comesTo: [],
    take: async ({ actor }) => {
      const parked = await actor?.calls.next('commit', 0);
      if (parked === undefined) return undefined;
      await parked.go('undone');
      await actor?.outcome();
      return { told: 'waits no longer for the commit' };
    },
  },
  crashed: {
    comesTo: [],
    take: ({ stage, step: { actor: name } }) =>
      Promise.resolve(stage.kill(name) === undefined ? undefined : { told: '' }),
  },
  // What is rejected to a former owner at a commit is no step of a replay: it is closed when it opens again.
  closed: { comesTo: [], take: (cue) => (cue.step.detail === WHILE_RESTORING ? restores(cue) : nothing()) },
  // A step that only a broken loop takes.
  'read-before-fence': { comesTo: [], take: nothing },
};
