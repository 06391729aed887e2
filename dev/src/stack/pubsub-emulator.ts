import { type Part } from './part';
import { answersOk } from './http-probe';

export interface PubsubEmulatorOptions {
  readonly java: string;
  readonly jar: string;
  readonly port: number;
  readonly env: NodeJS.ProcessEnv;
  /** Largest heap, in MB. */
  readonly heapMb?: number | undefined;
}

const HEAP_MB = 1_024;

/**
 * Google's Pub/Sub emulator. It keeps nothing: after a restart topics, subscriptions and messages are gone. But as long as
 * it runs it never lets go of a message, acknowledged or not: some 200,000 orders fill the usual heap, and then it answers
 * nobody any more.
 */
export function pubsubEmulator({ java, jar, port, env, heapMb = HEAP_MB }: PubsubEmulatorOptions): Part {
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
