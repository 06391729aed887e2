import { credentials } from '@grpc/grpc-js';
import { PubSub, v1 } from '@google-cloud/pubsub';

/** How to reach Pub/Sub. */
export interface PubSubConnection {
  readonly project: string;
  /** `host:port` of an emulator; undefined: Google's Pub/Sub with application default credentials. */
  readonly emulatorHost?: string | undefined;
}

export const topicName = ({ project }: PubSubConnection, topic: string): string =>
  `projects/${project}/topics/${topic}`;
export const subscriptionName = ({ project }: PubSubConnection, subscription: string): string =>
  `projects/${project}/subscriptions/${subscription}`;

/** Without this, the clients look for credentials to find their universe domain. An emulator needs no credentials. */
const NO_CREDENTIALS_LOOKUP = { clientOptions: { universeDomain: 'googleapis.com' } };

/** Keepalives detect a dead connection; the backoff reconnects within seconds of the server's return. */
const CHANNEL = {
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 5_000,
};

/** Client for topics and subscriptions. The caller closes it. */
export function connectPubSub({ project, emulatorHost }: PubSubConnection): PubSub {
  if (emulatorHost === undefined) return new PubSub({ ...CHANNEL, projectId: project });
  return new PubSub({
    ...CHANNEL,
    projectId: project,
    apiEndpoint: emulatorHost,
    emulatorMode: true,
    ...NO_CREDENTIALS_LOOKUP,
  });
}

/** The generated client of the publisher service, with its channel, credentials and endpoint. */
export const connectPublisher = (connection: PubSubConnection): v1.PublisherClient =>
  new v1.PublisherClient(clientOptions(connection));

/** The generated client of the subscriber service. The caller closes it. */
export const connectSubscriber = (connection: PubSubConnection): v1.SubscriberClient =>
  new v1.SubscriberClient(clientOptions(connection));

function clientOptions({
  project,
  emulatorHost,
}: PubSubConnection): ConstructorParameters<typeof v1.PublisherClient>[0] {
  if (emulatorHost === undefined) return { ...CHANNEL, projectId: project };
  const [host = '', port = ''] = emulatorHost.split(':');
  return {
    ...CHANNEL,
    ...NO_CREDENTIALS_LOOKUP,
    projectId: project,
    apiEndpoint: host,
    port: Number(port),
    sslCreds: credentials.createInsecure(),
  };
}
