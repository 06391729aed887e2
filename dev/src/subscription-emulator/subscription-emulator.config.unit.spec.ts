import { ConfigError, loadSettings } from '@orderstream/config';
import { subscriptionEmulatorSettings } from './subscription-emulator.config';

const EMULATORS = {
  PUBSUB_EMULATOR_HOST: '127.0.0.1:8085',
  BIGQUERY_API_ENDPOINT: 'http://127.0.0.1:9050',
  BIGQUERY_GRPC_ENDPOINT: '127.0.0.1:9060',
};
const GOOGLE = {
  BIGQUERY_API_ENDPOINT: 'https://bigquery.europe-west3.rep.googleapis.com',
  BIGQUERY_GRPC_ENDPOINT: 'https://bigquerystorage.europe-west3.rep.googleapis.com',
};
const load = (changes: NodeJS.ProcessEnv) => () =>
  loadSettings(subscriptionEmulatorSettings, { ...EMULATORS, ...changes });

describe('the settings of the subscription emulator', () => {
  it('accept emulators of Pub/Sub and BigQuery', () => {
    expect(load({})).not.toThrow();
  });

  it.each<[string, NodeJS.ProcessEnv]>([
    ["Google's Pub/Sub", { PUBSUB_EMULATOR_HOST: undefined }],
    ["Google's global BigQuery", { BIGQUERY_API_ENDPOINT: undefined, BIGQUERY_GRPC_ENDPOINT: undefined }],
    ["a regional BigQuery of Google's, into which it would write local messages", GOOGLE],
  ])('reject %s', (_, changes) => {
    expect(load(changes)).toThrow(ConfigError);
    expect(load(changes)).toThrow(
      /PUBSUB_EMULATOR_HOST and BIGQUERY_API_ENDPOINT must be set, the latter to an emulator/,
    );
  });
});
