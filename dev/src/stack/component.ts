import { type ManagedProcess, type ProcessSpec } from '../process/managed-process';

/** What a component can use while its process is prepared. */
export interface Launch {
  /** Aborts when the component is stopped. */
  readonly signal: AbortSignal;
  /** Starts a process that must end before the component's own one starts. It is killed with the component. */
  readonly run: (spec: ProcessSpec) => Promise<ManagedProcess>;
}

/** A process of the stack, as the supervisor runs it. */
export interface Component {
  readonly name: string;
  /** The ports that it listens on. They must be free when its process starts. */
  readonly ports?: readonly number[];
  /** Runs once before the first start: creates folders and files. */
  prepare?(): Promise<void>;
  /** What to run; called at each start. */
  process(launch: Launch): ProcessSpec | Promise<ProcessSpec>;
  /** Whether the component can be used. Polled until it is true. */
  isReady(): Promise<boolean>;
  readonly readyWithinMs: number;
  /** Whether the component answers, polled every few seconds while it runs. One that does not answer is restarted. */
  isAlive?(): Promise<boolean>;
  /** How long it may not answer; 30 s by default. */
  readonly silentForMs?: number;
  /** What answers on its port in its place; undefined when that is unknown. */
  portOwner?(): Promise<string | undefined>;
  /** Time between SIGTERM and SIGKILL. */
  readonly stopGraceMs: number;
}

/**
 * - `starting`: it has not been ready yet.
 * - `failed`: it did not become ready. It is not started again.
 */
export type ComponentState =
  'starting' | 'failed' | 'running' | 'not answering' | 'restarting' | 'stopping' | 'stopped';

export interface ComponentStatus {
  readonly name: string;
  readonly state: ComponentState;
  /** Number of restarts, planned or after the process has died. */
  readonly restarts: number;
}
