import { BigQuery } from '@google-cloud/bigquery';
import { v1 } from '@google-cloud/bigquery-storage';
import { credentials } from '@grpc/grpc-js';

import { EMULATOR_OPTIONS } from './emulator';

/** How to reach BigQuery. Without endpoints: Google's global ones, with application default credentials. */
export interface BigQueryConnection {
  readonly project: string;
  readonly dataset: string;
  readonly location: string;
  /** The REST API: `https://host` with application default credentials, or `http://host:port` of an emulator. */
  readonly apiEndpoint?: string | undefined;
  /** The Storage API: `https://host` with TLS and the same credentials, or `host:port` of an emulator, without TLS. */
  readonly grpcEndpoint?: string | undefined;
}

/** Client for datasets, tables and queries. */
export function createBigQuery({ project, location, apiEndpoint }: BigQueryConnection): BigQuery {
  if (apiEndpoint === undefined) return new BigQuery({ projectId: project, location });
  const bigquery = new BigQuery({ projectId: project, location, apiEndpoint });
  if (apiEndpoint.startsWith('https:')) return bigquery;
  // An emulator needs no credentials. With an API key, the client does not look for any.
  bigquery.authClient.cachedCredential = bigquery.authClient.fromAPIKey('emulator');
  return bigquery;
}

/**
 * Keepalives detect a dead connection (with the times of Google's managed writer); the backoff reconnects within seconds
 * of the server's return.
 */
const CHANNEL = {
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 5_000,
};

/** Client of the Storage Write API. */
export function createWriteClient({ project, grpcEndpoint }: BigQueryConnection): v1.BigQueryWriteClient {
  if (grpcEndpoint === undefined) return new v1.BigQueryWriteClient({ ...CHANNEL, projectId: project });
  if (grpcEndpoint.startsWith('https:')) {
    const { hostname, port } = new URL(grpcEndpoint);
    return new v1.BigQueryWriteClient({
      ...CHANNEL,
      projectId: project,
      apiEndpoint: hostname,
      port: port === '' ? 443 : Number(port),
    });
  }
  const separator = grpcEndpoint.lastIndexOf(':');
  return new v1.BigQueryWriteClient({
    ...CHANNEL,
    ...EMULATOR_OPTIONS,
    projectId: project,
    apiEndpoint: grpcEndpoint.slice(0, separator),
    port: Number(grpcEndpoint.slice(separator + 1)),
    sslCreds: credentials.createInsecure(),
    // Without this, the client asks the metadata server for its universe domain. An emulator has no metadata server.
    clientOptions: { universeDomain: 'googleapis.com' },
  });
}
