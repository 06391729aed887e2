import { ConfigError, loadSettings } from '@orderstream/config';
import { pubsubRewindSettings } from './pubsub-rewind.config';

const at = (apiEndpoint: string | undefined, grpcEndpoint: string | undefined) => () =>
  loadSettings(pubsubRewindSettings, { BIGQUERY_API_ENDPOINT: apiEndpoint, BIGQUERY_GRPC_ENDPOINT: grpcEndpoint });

describe('the settings of pubsub-rewind', () => {
  it('accept the emulator of BigQuery', () => {
    expect(at('http://127.0.0.1:9050', '127.0.0.1:9060')).not.toThrow();
  });

  it.each([
    [undefined, undefined],
    ['https://bigquery.googleapis.com', 'https://bigquerystorage.googleapis.com'],
  ])('reject the BigQuery of Google at %s, where late orders would be published twice', (api, grpc) => {
    expect(at(api, grpc)).toThrow(ConfigError);
    expect(at(api, grpc)).toThrow(/BIGQUERY_API_ENDPOINT must be set, to an emulator/);
  });
});
