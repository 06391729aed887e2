import { createBigQuery, createWriteClient } from './clients';

const TABLES = { project: 'a-project', dataset: 'ecommerce_db', location: 'EU' };
const EMULATOR = { ...TABLES, apiEndpoint: 'http://127.0.0.1:9050', grpcEndpoint: '127.0.0.1:9060' };
const REGIONAL = {
  ...TABLES,
  apiEndpoint: 'https://bigquery.europe-west3.rep.googleapis.com',
  grpcEndpoint: 'https://bigquerystorage.europe-west3.rep.googleapis.com',
};

/** The options of a generated client, which has no accessor for them. */
const optionsOf = (client: object): Record<string, unknown> => Reflect.get(client, '_opts') as Record<string, unknown>;

describe('createWriteClient', () => {
  it('uses TLS and application default credentials for an endpoint with https', () => {
    const options = optionsOf(createWriteClient(REGIONAL));
    expect(options).toMatchObject({ servicePath: 'bigquerystorage.europe-west3.rep.googleapis.com', port: 443 });
    expect(options.sslCreds).toBeUndefined();
    expect(optionsOf(createWriteClient({ ...REGIONAL, grpcEndpoint: 'https://10.0.0.7:8443' }))).toMatchObject({
      servicePath: '10.0.0.7',
      port: 8_443,
    });
  });

  it('uses no TLS for an emulator', () => {
    const options = optionsOf(createWriteClient(EMULATOR));
    expect(options).toMatchObject({ servicePath: '127.0.0.1', port: 9_060 });
    expect(options.sslCreds).toHaveProperty('_isSecure');
    expect((options.sslCreds as { _isSecure(): boolean })._isSecure()).toBe(false);
  });
});

describe('createBigQuery', () => {
  it('uses application default credentials for an endpoint with https, and none for an emulator', () => {
    const regional = createBigQuery(REGIONAL);
    expect(regional.apiEndpoint).toBe(REGIONAL.apiEndpoint);
    expect(regional.authClient.cachedCredential).toBeNull();
    const emulator = createBigQuery(EMULATOR);
    expect(emulator.apiEndpoint).toBe(EMULATOR.apiEndpoint);
    expect(emulator.authClient.cachedCredential).not.toBeNull();
  });
});
