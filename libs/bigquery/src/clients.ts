import { BigQuery } from '@google-cloud/bigquery';
import { v1 } from '@google-cloud/bigquery-storage';
import { credentials } from '@grpc/grpc-js';

/** Where the warehouse is. Both endpoints unset: Google's, with application default credentials. */
export interface BigQueryConnection {
  readonly project: string;
  readonly dataset: string;
  readonly location: string;
  /** `http://host:port` of a stand-in's REST API. */
  readonly apiEndpoint?: string | undefined;
  /** `host:port` of a stand-in's Storage API, without TLS. */
  readonly grpcEndpoint?: string | undefined;
}

/** Client for datasets, tables and queries. */
export function createBigQuery({ project, location, apiEndpoint }: BigQueryConnection): BigQuery {
  if (apiEndpoint === undefined) return new BigQuery({ projectId: project, location });
  const bigquery = new BigQuery({ projectId: project, location, apiEndpoint });
  // A stand-in asks for no credentials: a token that never has to be refreshed keeps the client from looking for any.
  const nobody = bigquery.authClient.fromJSON({
    type: 'authorized_user',
    client_id: 'stand-in',
    client_secret: 'stand-in',
    refresh_token: 'stand-in',
  });
  nobody.credentials = { access_token: 'stand-in', expiry_date: Date.UTC(2199, 0, 1) };
  bigquery.authClient.cachedCredential = nobody;
  return bigquery;
}

/** Client of the Storage Write API. */
export function createWriteClient({ project, grpcEndpoint }: BigQueryConnection): v1.BigQueryWriteClient {
  if (grpcEndpoint === undefined) return new v1.BigQueryWriteClient({ projectId: project });
  // A stand-in runs nowhere near Google: asking for the metadata server would only cost its time-out.
  process.env['METADATA_SERVER_DETECTION'] ??= 'none';
  const separator = grpcEndpoint.lastIndexOf(':');
  return new v1.BigQueryWriteClient({
    projectId: project,
    apiEndpoint: grpcEndpoint.slice(0, separator),
    port: Number(grpcEndpoint.slice(separator + 1)),
    sslCreds: credentials.createInsecure(),
  });
}
