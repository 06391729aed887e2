import { status } from '@grpc/grpc-js';
import { grpcStatus, messageBytes, PublishClient } from '@orderstream/pubsub';
import { type ComponentEnv } from '../process/component-env';
import { type Component } from './component';
import { answersOk } from './http-probe';
import { type JvmHeap } from './jvm-heap';

export interface PubsubEmulatorOptions {
  readonly java: string;
  readonly jar: string;
  readonly port: number;
  readonly project: string;
  readonly heap: JvmHeap;
  readonly env: ComponentEnv;
}

const ANSWER_TIMEOUT_MS = 4_000;
/** As much as a publish request of the bridge at a low rate: an emulator whose heap is full still answers smaller ones. */
const PROBE_BYTES = 65_536;
/** The emulator stores nothing, so there is nothing to wait for. */
const STOP_GRACE_MS = 5_000;

/**
 * Google's Pub/Sub emulator. A restart deletes topics, subscriptions and messages. While it runs it never frees a
 * message, acknowledged or not. When its heap is full, threads end with an OutOfMemoryError and their requests are never
 * answered: therefore the first such error ends the process, and a request that needs memory checks that it answers.
 */
export function pubsubEmulator({ java, jar, port, project, heap, env }: PubsubEmulatorOptions): Component {
  return {
    name: 'pubsub-emulator',
    ports: [port],
    process: () => ({
      name: 'pubsub-emulator',
      command: java,
      args: [
        ...heap.options,
        '-XX:+UseSerialGC',
        '-XX:+ExitOnOutOfMemoryError',
        ...['-jar', jar, '--host=127.0.0.1', `--port=${String(port)}`],
      ],
      cwd: heap.folder,
      env,
    }),
    isReady: () => answersOk(`http://127.0.0.1:${String(port)}/`),
    isAlive: () => answersPublish({ project, emulatorHost: `127.0.0.1:${String(port)}` }),
    readyWithinMs: 60_000,
    stopGraceMs: STOP_GRACE_MS,
  };
}

/** Publishes to a topic that does not exist: the emulator reads the whole request, answers NOT_FOUND and stores nothing. */
async function answersPublish(connection: {
  readonly project: string;
  readonly emulatorHost: string;
}): Promise<boolean> {
  const client = await PublishClient.connect({
    connection,
    topic: 'no-such-topic',
    requestTimeoutMs: ANSWER_TIMEOUT_MS,
  });
  const data = Buffer.alloc(PROBE_BYTES);
  try {
    const message = { data, attributes: [], orderingKey: '', bytes: messageBytes(data, [], '') };
    await client.publish([message], new AbortController().signal);
    return true;
  } catch (error) {
    return grpcStatus(error) === status.NOT_FOUND;
  } finally {
    await client.close();
  }
}
