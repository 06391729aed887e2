import type { Fingerprint } from '../../../../test/model-checking/fingerprint';
import { type Model, type Step, StepList } from '../../../../test/model-checking/model';
import type { Bounds } from './bounds';
import { encodeState } from './canonical';
import { coordinatorSteps, fencedWaitingSteps } from './commits';
import { listOf, Log, only } from './log';
import { close, membershipSteps } from './membership';
import { committedReadSteps, fallbackSteps, fencedSteps, logEndSteps, readySteps } from './recovery';
import type { BreakName, Rules, SinkSteps, Transition, Turn } from './rules';
import { answerSteps, endingSteps, lateSteps, runningSteps } from './running';
import { vanish } from './servers';
import { initialState, type Process, spend, type State, streamOf } from './state';

/**
 * The sink's exactly-once protocol (docs/sink-protocol.md): one partition of the log, two processes, Kafka's coordinator,
 * BigQuery. Every remote call is one atomic step. A transition that the code has too carries the code's name for it.
 *
 * What it takes for granted: what an aborted transaction wrote is read by nobody; opening a producer returns when the
 * transactions of older ones are ended; the log loses nothing, and nobody else writes to the table, so that nobody has a
 * reason to stop and ask. Appends under way may be applied in any order, since a process can have more than one connection.
 */
export class SinkProtocol implements Model<State> {
  readonly symmetries = 2;
  private readonly log: Log;
  /** By the end of the log. */
  private readonly rules: readonly Rules[];

  constructor(
    private readonly bounds: Bounds,
    broken?: BreakName,
  ) {
    const log = new Log(bounds.log);
    this.log = log;
    this.rules = Array.from({ length: log.end + 1 }, (_, end) => ({ bounds, log: log.upTo(end), broken }));
  }

  start(): State {
    return initialState(this.bounds);
  }

  steps(state: State): readonly Step<State>[] {
    const rules = this.rules[state.end] as Rules;
    const list = new StepList<State, Transition>(state, (next) => this.tidy(next));
    state.processes.forEach((process, i) => {
      processSteps({ rules, state, i, process, steps: list });
    });
    lateSteps(rules, state, list);
    coordinatorSteps(rules, state, list);
    this.environmentSteps(state, list);
    return list.steps;
  }

  /** Somebody owns and is through, and nothing is missing. */
  wrongAtRest(state: State): string | undefined {
    const { log } = this;
    const owner = state.processes.find((process) => process.owner);
    if (owner?.at !== 'running' && owner?.at !== 'ready') return 'stuck before the end of the log';
    const next = owner.at === 'running' ? owner.next : owner.offset;
    if (log.passOver(next, owner.exclusions) < log.end) return 'stuck before the end of the log';
    const missing = listOf(log.records & ~(state.table | state.dead))[0];
    return missing === undefined ? undefined : `record ${String(missing)} is lost`;
  }

  encode(state: State, symmetry: number, out: Fingerprint): void {
    encodeState(state, symmetry === 1, out);
  }

  private environmentSteps(state: State, steps: SinkSteps): void {
    const { bounds, log } = this;
    const { end } = state;
    if (end < log.end)
      steps.add(
        'producer',
        'produced',
        () => String(end),
        () => ({ ...state, end: end + 1 }),
      );
    if (state.left.expiries > 0) {
      const spent = spend(state, 'expiries');
      const mayLand = bounds.acceptedMayLandAfterExpiry;
      const named = state.committed?.stream ?? -1;
      if (named >= 0 && streamOf(state, named).status !== 'gone') {
        steps.add(
          'BigQuery',
          'stream-vanished',
          () => `s${String(named)}`,
          () => {
            return vanish(spent, (stream) => stream === named, mayLand);
          },
        );
      }
      if (state.streams.length > 1) {
        steps.add(
          'BigQuery',
          'stream-vanished',
          () => 'every one',
          () => vanish(spent, () => true, mayLand),
        );
      }
    }
    if (!bounds.replays) return;
    for (const offset of listOf(state.dead & ~state.replayed)) {
      steps.add(
        'operator',
        'replayed',
        () => String(offset),
        () => ({ ...state, replayed: state.replayed | only(offset) }),
      );
    }
  }

  /** Leaves out what makes no difference any more: appends that can only fail, and who can do nothing that others see. */
  private tidy(state: State): State {
    let next = state;
    if (state.late.length > 0) {
      const late = state.late.filter(({ stream, at, accepted }) => {
        const { status, rows } = streamOf(state, stream);
        return status === 'open' ? at >= rows : status === 'gone' && accepted;
      });
      if (late.length < state.late.length) next = { ...next, late };
    }
    for (let i = 0; i < 2; i++) if (this.isHarmless(next.processes[i] as Process)) next = close(next, i);
    return next;
  }

  private isHarmless(process: Process): boolean {
    if (process.owner) return false;
    switch (process.at) {
      case 'ready':
      case 'naming':
      case 'ending':
        return true;
      case 'failed':
        return !this.bounds.recoversInPlace && process.early === undefined && process.kept === undefined;
      default:
        return false;
    }
  }
}

function processSteps(turn: Turn<Process>): void {
  const { process } = turn;
  membershipSteps(turn);
  fencedWaitingSteps(turn);
  switch (process.at) {
    case 'closed':
    case 'naming':
    case 'failed':
      break;
    case 'fenced': {
      fencedSteps({ ...turn, process });
      return;
    }
    case 'committed-read': {
      committedReadSteps({ ...turn, process });
      return;
    }
    case 'uncounted': {
      fallbackSteps({ ...turn, process });
      return;
    }
    case 'finalized':
    case 'max-read': {
      logEndSteps({ ...turn, process });
      return;
    }
    case 'ready': {
      readySteps({ ...turn, process });
      return;
    }
    case 'running':
      runningSteps({ ...turn, process });
      {
        answerSteps({ ...turn, process });
        return;
      }
    case 'ending': {
      endingSteps({ ...turn, process });
      return;
    }
  }
}
