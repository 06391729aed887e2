import { type ProcessSpec } from '../process/managed-process';

/** A process of the stack, as the supervisor runs it. */
export interface Component {
  readonly name: string;
  /** Runs once before the first start: creates folders and files. */
  prepare?(): Promise<void>;
  /** What to run; called at each start. */
  process(): ProcessSpec | Promise<ProcessSpec>;
  /** Whether the component can be used. Polled until it is true. */
  isReady(): Promise<boolean>;
  readonly readyWithinMs: number;
  /** Health check, polled every few seconds while the component runs. Repeated failures restart it. */
  isAlive?(): Promise<boolean>;
  /** Time between SIGTERM and SIGKILL. */
  readonly stopGraceMs: number;
}

export type ComponentState = 'starting' | 'running' | 'restarting' | 'stopping' | 'stopped';

export interface ComponentStatus {
  readonly name: string;
  readonly state: ComponentState;
  /** Number of restarts after the process has died. */
  readonly restarts: number;
}
