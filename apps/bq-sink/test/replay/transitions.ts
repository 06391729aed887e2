import type { TracedStep } from '../../../../test/model-checking/explore';
import type { Transition } from '../model/rules';
import type { SinkStep } from '../../src/streams/fault-points';
import type { Actor, CallName } from './actor';
import type { Stage } from './stage';

/** A step of the model that is to be taken. */
interface Cue {
  readonly stage: Stage;
  /** Who is to take it; undefined for servers and operators. */
  readonly actor: Actor | undefined;
  readonly step: TracedStep;
  /** How long what the code does of itself may take. */
  readonly timeoutMs: number;
}

interface Play {
  /** Steps of the code (SinkStep) that it consists of, in their order, where the process is there to take them. */
  readonly reaches: readonly SinkStep[];
  /** Lets it happen. Returns how it turned out, in the words of the model; undefined when nobody takes such a step. */
  readonly take: (cue: Cue) => Promise<Outcome | undefined>;
}

interface Outcome {
  readonly told: string;
  /** Who has taken it, or has heard of it. */
  readonly by?: Actor | undefined;
}

/** For what comes behind a step that was taken. */
const COMES_MS = 10_000;

const ofOthers = (told: string): Outcome => ({ told });

/** A call that the process waits to make, and nothing else. */
async function call({ actor, timeoutMs }: Cue, name: CallName): Promise<Outcome | undefined> {
  const parked = await actor?.calls.next(name, timeoutMs);
  const told = await parked?.go();
  return told === undefined ? undefined : { told, by: actor };
}

/** A commit that the process waits to send. */
async function commit(cue: Cue): Promise<Outcome | undefined> {
  const { stage, actor } = cue;
  const begun = await call(cue, 'commit');
  const pending = stage.coordinator.pending.findLast(({ by }) => by === actor);
  if (begun === undefined || pending === undefined) return undefined;
  const { reason, writes, inTransaction } = pending;
  const dead = writes.records.map(({ headers }) => String(headers['dlq-source-offset']));
  const letters = dead.length === 0 ? '' : ` with dead letters [${dead.join(' ')}]`;
  const told = inTransaction
    ? `${reason} ${stage.tellPosition(writes.offset, writes.metadata)}${letters}`
    : 'outside of a transaction';
  return { told, by: actor };
}

/** The coordinator lets a commit take effect. Whoever does not hear of it in time gives it up. */
async function takesEffect(cue: Cue): Promise<Outcome | undefined> {
  const { stage, step } = cue;
  const { coordinator } = stage;
  const all = coordinator.pending.map((pending) => {
    const { writes, inTransaction, reason } = pending;
    const position = stage.tellPosition(writes.offset, writes.metadata);
    return { pending, told: inTransaction || reason === 'naming' ? position : `outside of a transaction ${position}` };
  });
  const [, unheard = '', to] = /(, unknown to (.))$/.exec(step.detail) ?? [];
  const found = all.find(({ told }) => told + unheard === step.detail) ?? all[0];
  if (found === undefined) return undefined;
  const { pending, told } = found;
  const by = stage.all.find((actor) => actor === pending.by && actor.isUsable());
  if (to === undefined) {
    coordinator.apply(pending);
    return { told, by };
  }
  coordinator.applyUnheard(pending, to);
  await by?.sink.close();
  return ofOthers(told + unheard);
}

/** BigQuery looks at an append. */
async function looksAt({ stage, step }: Cue, isLate: boolean): Promise<Outcome | undefined> {
  const held = stage.held().filter(({ sent, append }) => isLate || (sent.by.isUsable() && !append.isAccepted));
  const found =
    held.find(({ told }) => step.detail.startsWith(`${told}:`)) ?? (held.length === 1 ? held[0] : undefined);
  if (found === undefined) return undefined;
  const answer = await found.append.look();
  // The model leaves out what is under way and can only fail.
  if (isLate && answer === 'error') return undefined;
  return { told: `${found.told}: ${answer}`, by: isLate ? undefined : found.sent.by };
}

const nothing = (): Promise<undefined> => Promise.resolve(undefined);

/** How each transition of the model is led over in the code: the one place where the names of both meet. */
export const TRANSITIONS: Readonly<Record<Transition, Play>> = {
  fenced: {
    reaches: [],
    take: async ({ stage, step: { actor: name }, timeoutMs }) => {
      const { owner } = stage.coordinator;
      const isFree = !stage.all.some((actor) => actor === owner && actor.isUsable());
      const actor = await stage.assign(name);
      await (await actor.calls.next('fence', timeoutMs))?.go();
      return { told: isFree ? '' : 're-assigned', by: actor };
    },
  },
  // The code reads the position in the call that fences, and tells of both behind it.
  'committed-read': {
    reaches: ['fenced', 'committed-read'],
    take: async (cue) => {
      const { offset, metadata } = cue.stage.coordinator.committed;
      const read = await call(cue, 'read');
      // What the log holds is looked at right behind it, for the first time.
      if (read !== undefined) await call({ ...cue, timeoutMs: COMES_MS }, 'log-bounds');
      return read === undefined ? undefined : { ...read, told: cue.stage.tellPosition(offset, metadata) };
    },
  },
  finalized: { reaches: ['finalized'], take: (cue) => call(cue, 'finalize') },
  'log-end-read': { reaches: [], take: (cue) => call(cue, 'log-bounds') },
  // The wait before it is over when nothing under way can land in a stream that is gone.
  'max-read': {
    reaches: ['max-read'],
    take: async (cue) => {
      const mayLand = cue.stage.held().some(({ append }) => append.isAccepted);
      if (!mayLand) await (await cue.actor?.calls.next('wait', cue.timeoutMs))?.go();
      return call(cue, 'last-offset');
    },
  },
  'stream-created': {
    reaches: ['stream-created', 'commit-begun'],
    take: async (cue) => {
      await cue.actor?.feed(cue.stage.end, cue.timeoutMs);
      const created = await call(cue, 'create');
      if (created === undefined) return undefined;
      await commit({ ...cue, timeoutMs: COMES_MS });
      const named = cue.stage.coordinator.pending.findLast(({ by }) => by === cue.actor);
      return { told: `${created.told}, named for ${String(named?.writes.offset)} in a commit`, by: cue.actor };
    },
  },
  'stream-named': { reaches: ['committed', 'stream-named'], take: takesEffect },
  'append-sent': {
    reaches: ['append-sent'],
    take: async ({ stage, actor, step: { detail }, timeoutMs }) => {
      if (actor === undefined) return undefined;
      const last = Number(/(\d+)\]/.exec(detail)?.[1]);
      actor.mayFly = 1 + stage.unanswered(actor);
      await actor.feed(last + 1, timeoutMs);
      const sent = await actor.sendNow();
      if (sent === undefined) return undefined;
      await stage.received();
      return { told: stage.tell(sent), by: actor };
    },
  },
  'append-answered': { reaches: ['append-answered'], take: (cue) => looksAt(cue, false) },
  'late-append': { reaches: [], take: (cue) => looksAt(cue, true) },
  'commit-begun': { reaches: ['commit-begun'], take: commit },
  committed: { reaches: ['committed'], take: takesEffect },
  'rejection-settled': { reaches: ['rejection-settled', 'commit-begun'], take: commit },
  'rejection-committed': { reaches: ['committed', 'rejection-committed'], take: takesEffect },
  'stream-ended': {
    reaches: ['stream-ended'],
    take: (cue) => {
      void cue.actor?.sink.drain(new AbortController().signal);
      return call(cue, 'finalize');
    },
  },
  'end-committed': { reaches: ['committed', 'end-committed'], take: takesEffect },
  crashed: {
    reaches: [],
    take: async ({ actor }) => {
      if (actor?.calls.lives() !== true) return undefined;
      await actor.kill();
      return ofOthers('');
    },
  },
  closed: { reaches: [], take: nothing },
  'late-answer': {
    reaches: [],
    take: ({ stage, step: { detail } }) => {
      const isThere = stage.coordinator.answerLate(detail.replace('to ', ''));
      return Promise.resolve(isThere ? ofOthers(detail) : undefined);
    },
  },
  produced: { reaches: [], take: ({ stage }) => Promise.resolve(ofOthers(String(stage.produce()))) },
  // Steps that only a broken protocol takes.
  pruned: { reaches: [], take: nothing },
  'recovered-in-place': { reaches: [], take: nothing },
  rejected: { reaches: [], take: nothing },
  replayed: {
    reaches: [],
    take: ({ stage, step: { detail } }) => {
      stage.replay(Number(detail));
      return Promise.resolve(ofOthers(detail));
    },
  },
  'stream-vanished': { reaches: [], take: ({ stage }) => Promise.resolve(ofOthers(stage.vanishStreams())) },
};
