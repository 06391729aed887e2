import { existsSync, readFileSync, rmSync } from 'node:fs';
import { UsageError } from '../errors';
import { type BatchShare } from './batch-share';
import { type StackTokens, writePrivateFile } from './tokens';

/** `.local/stack.json`: addresses and tokens of the running stack, for other programs. */
export interface StackFile {
  readonly kafka: { readonly brokers: readonly string[] };
  readonly bigquery: {
    readonly apiEndpoint: string;
    readonly grpcEndpoint: string;
    readonly projectId: string;
    readonly dataset: string;
  };
  readonly pubsub: {
    /** `host:port` */
    readonly endpoint: string;
    readonly projectId: string;
    readonly topic: string;
    readonly subscription: string;
  };
  /** What runs of the batch loader in a terminal share with its service. */
  readonly batch: BatchShare;
  /** Absent until the console is ready. */
  readonly console?: { readonly url: string };
  readonly services: Readonly<Record<string, { readonly url: string }>>;
  readonly tokens: StackTokens;
}

export function writeStackFile(path: string, content: StackFile): void {
  writePrivateFile(path, content);
}

/** @throws UsageError when no stack is running */
export function readStackFile(path: string): StackFile {
  if (!existsSync(path))
    throw new UsageError(`No stack is running (${path} does not exist). Start one with npm start.`);
  return JSON.parse(readFileSync(path, 'utf8')) as StackFile;
}

export function removeStackFile(path: string): void {
  rmSync(path, { force: true });
}
