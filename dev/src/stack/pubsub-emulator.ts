import { type Part } from './part';
import { answersOk } from './http-probe';

export interface PubsubEmulatorOptions {
  readonly java: string;
  readonly jar: string;
  readonly port: number;
  readonly env: NodeJS.ProcessEnv;
}

/** Google's Pub/Sub emulator. It keeps nothing: after a restart topics, subscriptions and messages are gone. */
export function pubsubEmulator({ java, jar, port, env }: PubsubEmulatorOptions): Part {
  return {
    name: 'pubsub-emulator',
    process: () => ({
      name: 'pubsub-emulator',
      command: java,
      args: ['-Xmx1g', '-XX:+UseSerialGC', '-jar', jar, '--host=127.0.0.1', `--port=${String(port)}`],
      env,
    }),
    isReady: () => answersOk(`http://127.0.0.1:${String(port)}/`),
    readyWithinMs: 60_000,
    stopGraceMs: 10_000,
  };
}
