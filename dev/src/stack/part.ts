import { type ProcessSpec } from '../process/managed-process';

/** One process of the stack, as the supervisor sees it. */
export interface Part {
  readonly name: string;
  /** Once before the first start: folders, files, formats. */
  prepare?(): Promise<void>;
  /** What to run; asked anew at each start. */
  process(): ProcessSpec | Promise<ProcessSpec>;
  /** Whether it can be used. Asked until it says so. */
  isReady(): Promise<boolean>;
  readonly readyWithinMs: number;
  /** Whether it still works, asked every few seconds while it runs. One that says no for a while is started anew. */
  isAlive?(): Promise<boolean>;
  /** Settles what is under way elsewhere and must not be lost by the stop, for instance lets a queue run empty. */
  beforeStop?(signal: AbortSignal): Promise<void>;
  /** How long the process may take to end after SIGTERM before it is killed. */
  readonly stopGraceMs: number;
}

export type PartState = 'starting' | 'running' | 'restarting' | 'stopping' | 'stopped';

export interface PartStatus {
  readonly name: string;
  readonly state: PartState;
  /** Times it was started again after it had died. */
  readonly restarts: number;
}
