import { type JsonPatch } from './edit';

/**
 * The states of a replay plan.
 * - `draft`: created; nothing is chosen yet.
 * - `previewing`: letters are chosen and evaluated.
 * - `ready`: what was chosen is fixed; the plan can be started.
 * - `waiting`: started; another plan works on the same dead-letter topic.
 * - `running`: letters are returned.
 * - `paused`: by an operator; a start goes on. It does not hold its dead-letter topic.
 * - `finished`: every chosen letter has its receipt.
 * - `cancelled`: by an operator. `stopped`: too many letters came back. `failed`: an error that no retry can pass.
 */
export type PlanState =
  'draft' | 'previewing' | 'ready' | 'waiting' | 'running' | 'paused' | 'finished' | 'cancelled' | 'stopped' | 'failed';

/** What changes the state of a plan. */
export type PlanAction =
  | 'preview'
  | 'previewed'
  | 'previewFailed'
  | 'start'
  | 'claim'
  | 'canaryPassed'
  | 'pause'
  | 'cancel'
  | 'finish'
  | 'stop'
  | 'fail';

/** Every transition of a plan. An action that is not listed for a state is rejected in it. */
export const TRANSITIONS: Readonly<Record<PlanState, Readonly<Partial<Record<PlanAction, PlanState>>>>> = {
  draft: { preview: 'previewing', cancel: 'cancelled' },
  previewing: { claim: 'previewing', previewed: 'ready', previewFailed: 'draft', cancel: 'cancelled' },
  ready: { preview: 'previewing', start: 'waiting', cancel: 'cancelled' },
  waiting: { claim: 'running', pause: 'paused', cancel: 'cancelled' },
  running: {
    claim: 'running',
    canaryPassed: 'running',
    pause: 'paused',
    cancel: 'cancelled',
    finish: 'finished',
    stop: 'stopped',
    fail: 'failed',
  },
  paused: { start: 'waiting', cancel: 'cancelled' },
  finished: {},
  cancelled: {},
  stopped: {},
  failed: {},
};

const COMMANDS = ['preview', 'start', 'pause', 'cancel'] as const satisfies readonly PlanAction[];

/** What an operator can do with a plan in this state. */
export const commandsOf = (state: PlanState): readonly PlanAction[] =>
  COMMANDS.filter((command) => TRANSITIONS[state][command] !== undefined);

/** Whether nothing changes the plan any more. */
export const isEnded = (state: PlanState): boolean => Object.keys(TRANSITIONS[state]).length === 0;

/** Which letters of the dead-letter topic are meant. Every condition must hold; without any, all are. */
export interface ReplayFilter {
  /** Code of the first reason. */
  readonly reason?: string;
  readonly fingerprint?: string;
  readonly key?: string;
  readonly eventType?: string;
  /** Bounds of `dlq-failed-at`, RFC 3339: from the first, before the second. */
  readonly from?: string;
  readonly to?: string;
  /** Source partition, and bounds of the source offset: from the first, below the second. */
  readonly partition?: number;
  readonly fromOffset?: number;
  readonly toOffset?: number;
  /** Fields of the body with the text of their values. */
  readonly fields?: Readonly<Record<string, string>>;
}

export interface ReplayOptions {
  /** Replays letters whose reason is a rule `duplicate.*`, unedited. */
  readonly includeDuplicates: boolean;
  /** Takes along what was rejected because a chosen letter was. */
  readonly followers: boolean;
  readonly ratePerSecond: number;
  /** Letters to return before the fate of these is awaited; 0 for none. */
  readonly canary: number;
  /** Share of returned letters above which the plan stops when they come back; 1 for never. */
  readonly stopAboveShare: number;
}

/** What an operator asks for. */
export interface ReplayRequest extends Partial<ReplayOptions> {
  /** A dead-letter topic. */
  readonly topic: string;
  readonly filter: ReplayFilter;
  readonly edit?: JsonPatch;
  readonly note?: string;
}

/** What the rules, as they are at the preview, find in the chosen letters. */
export interface DryRun {
  readonly passes: number;
  /** By the code of the first reason, the most frequent first. */
  readonly fails: readonly { readonly code: string; readonly count: number }[];
  /** Letters that the dry run cannot evaluate; `warnings` of the preview say why. */
  readonly undecided: number;
}

/** A topic that letters of another program name as their source. */
export interface PreviewSource {
  /** Empty for letters whose headers name none. */
  readonly topic: string;
  readonly letters: number;
  /** Why these letters do not return. */
  readonly problem?: string;
}

/** A setting that the dry run has otherwise than a validator. Null: the other version does not have it. */
export interface SettingDifference {
  /** Its name: `STATE_MAX_EVENTS`, or `RULE_ACTIONS.<code>` for the action of a rule. */
  readonly setting: string;
  readonly dryRun: string | number | null;
  readonly validator: string | number | null;
  /** Which validator, by its name in SERVICE_URLS. */
  readonly service: string;
}

/** How the settings of the dry run compare with what the validators say that they evaluate by. */
export interface SettingsComparison {
  /** The validators that have said it. None: whether the settings are the same is not known. */
  readonly comparedWith: readonly string[];
  readonly differences: readonly SettingDifference[];
}

export interface Preview {
  readonly at: string;
  /** End of each partition of the dead-letter topic: letters behind it do not join. */
  readonly upTo: Readonly<Record<number, number>>;
  /** Letters of the filter. */
  readonly letters: number;
  readonly followers: number;
  /** Both together. */
  readonly total: number;
  /** Some of the letters, as `<topic>/<partition>/<offset>`. */
  readonly samples: readonly string[];
  /**
   * What the dry run evaluated by: the version that accepted records name, and the revision of the settings at run time. The
   * comparison is there where rules were evaluated.
   */
  readonly settings: { readonly version: string; readonly revision: number } & Partial<SettingsComparison>;
  readonly dryRun: DryRun;
  /** Of letters of another program: where they return to, the most frequent first. */
  readonly sources?: readonly PreviewSource[];
  readonly warnings: readonly string[];
}

/** Counts of the receipts, and of the returned letters that were rejected again. */
export interface Progress {
  readonly returned: number;
  readonly parked: number;
  readonly skipped: number;
  readonly rejected: number;
  readonly cameBack: number;
  readonly total: number;
  /** Receipts per second, lately; while the plan runs. */
  readonly currentRatePerSecond?: number;
}

export interface Plan {
  readonly id: string;
  /** Increases with each change of the state; commands are conditional on it. */
  readonly revision: number;
  readonly state: PlanState;
  readonly topic: string;
  readonly filter: ReplayFilter;
  readonly edit?: JsonPatch;
  readonly options: ReplayOptions;
  readonly createdBy: string;
  readonly createdAt: string;
  readonly note?: string;
  readonly preview?: Preview;
  readonly progress: Progress;
  /** The plan that works on the same dead-letter topic, while this one waits for it. */
  readonly waitingFor?: string;
  readonly endedAt?: string;
  /** Why the plan stopped or failed, or why its last preview did. */
  readonly error?: PlanProblem;
  /** What an operator should know about the end: for example letters whose fate was not seen in time. */
  readonly outcome?: string;
}

export interface PlanProblem {
  readonly type: string;
  readonly detail: string;
}

export type ReceiptOutcome = 'returned' | 'parked' | 'skipped' | 'rejected';

/** What happened to one letter of a plan. */
export interface Receipt {
  /** `<topic>/<partition>/<offset>` of the letter. */
  readonly letter: string;
  readonly outcome: ReceiptOutcome;
  /** Of a letter that was skipped, parked or rejected. */
  readonly reason?: string;
  /** Where the record went. */
  readonly to?: { readonly topic: string; readonly partition: number };
  /** SHA-256 of the value before and after the edit, in hex. */
  readonly editedFrom?: string;
  readonly editedTo?: string;
  readonly at: string;
}

export interface ReceiptPage {
  readonly receipts: readonly Receipt[];
  /** Continues behind the last receipt; undefined at the end. */
  readonly next?: string;
}

export const DEFAULT_OPTIONS: ReplayOptions = {
  includeDuplicates: false,
  followers: true,
  ratePerSecond: 100,
  canary: 0,
  stopAboveShare: 0.5,
};
