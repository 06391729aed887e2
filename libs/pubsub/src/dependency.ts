import { type PubSub } from '@google-cloud/pubsub';
import { status } from '@grpc/grpc-js';
import { type PubSubConnection } from './connection';
import { grpcStatus, PubSubCallError, textOf } from './publish-errors';

/** Without the retries of the client, whose errors repeat the same reason for each attempt. */
const CALL = { timeout: 5_000, retry: null };

/** Pub/Sub as a dependency of a start: reached when it answers whether the topic exists. */
export function pubsubDependency(
  pubsub: PubSub,
  { project, emulatorHost }: PubSubConnection,
  topic: string,
): { readonly what: string; readonly reach: () => Promise<void> } {
  const what = emulatorHost === undefined ? 'Pub/Sub' : `Pub/Sub at ${emulatorHost} (PUBSUB_EMULATOR_HOST)`;
  return {
    what,
    reach: async () => {
      try {
        await pubsub.topic(topic).getMetadata(CALL);
      } catch (error) {
        if (grpcStatus(error) !== status.NOT_FOUND) throw reachError(error, what, `${project}/${topic}`);
      }
    },
  };
}

/**
 * Retriable unless the request is denied or invalid.
 *
 * @param what begins the message
 * @param topic `project/topic`
 */
export function reachError(error: unknown, what: string, topic: string): PubSubCallError {
  const why = textOf(error);
  const code = grpcStatus(error);
  if (
    code === status.PERMISSION_DENIED ||
    code === status.UNAUTHENTICATED ||
    /could not load the default credentials/i.test(why)
  ) {
    return new PubSubCallError(
      `${what} denies access to topic ${topic} (${why}). Give the account of GOOGLE_APPLICATION_CREDENTIALS roles/pubsub.editor, or correct PUBSUB_PROJECT and PUBSUB_TOPIC.`,
      { cause: error },
    );
  }
  return new PubSubCallError(`${what} does not answer a request for topic ${topic} (${why}).`, {
    cause: error,
    retriable: code !== status.INVALID_ARGUMENT,
  });
}
