import { type Component } from './component';
import { answersOk } from './http-probe';

export interface PubsubEmulatorOptions {
  readonly java: string;
  readonly jar: string;
  readonly port: number;
  readonly env: NodeJS.ProcessEnv;
  /** Maximum heap, in MB. */
  readonly heapMb?: number | undefined;
}

const HEAP_MB = 1_024;

/**
 * Google's Pub/Sub emulator. A restart deletes topics, subscriptions and messages. While it runs it never frees a
 * message, acknowledged or not: about 200,000 orders fill the default heap, and then it no longer answers.
 */
export function pubsubEmulator({ java, jar, port, env, heapMb = HEAP_MB }: PubsubEmulatorOptions): Component {
  return {
    name: 'pubsub-emulator',
    process: () => ({
      name: 'pubsub-emulator',
      command: java,
      args: [`-Xmx${String(heapMb)}m`, '-XX:+UseSerialGC', '-jar', jar, '--host=127.0.0.1', `--port=${String(port)}`],
      env,
    }),
    isReady: () => answersOk(`http://127.0.0.1:${String(port)}/`),
    readyWithinMs: 60_000,
    stopGraceMs: 30_000,
  };
}
