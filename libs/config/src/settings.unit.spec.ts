import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { z } from 'zod';
import {
  bigquerySettings,
  ConfigError,
  defineSettings,
  kafkaSettings,
  loadSettings,
  pubsubSettings,
  renderConfigurationDoc,
  renderEnvExample,
  serviceSettings,
  settings,
  withDefaults,
} from './index';
import { settingsIn } from './settings-spec';

const everyKind = defineSettings({
  name: settings.string({ env: 'NAME', description: 'd', pattern: /^[a-z]+$/, expected: 'small letters' }),
  count: settings.integer({ env: 'COUNT', default: 3, min: 0, max: 10, description: 'd' }),
  share: settings.number({ env: 'SHARE', default: 0.02, min: 0, max: 1, description: 'd' }),
  flag: settings.boolean({ env: 'FLAG', default: false, description: 'd' }),
  word: settings.oneOf({ env: 'WORD', default: 'none', values: ['none', 'key'], description: 'd' }),
  hosts: settings.list({ env: 'HOSTS', default: ['a', 'b'], description: 'd' }),
  secret: settings.optional(settings.string({ env: 'SECRET', secret: true, description: 'd' })),
  nested: defineSettings({
    json: settings.json({ env: 'JSON', default: [], schema: z.array(z.int()), expected: 'an array', description: 'd' }),
  }),
});

const problemsWith = (env: NodeJS.ProcessEnv): readonly string[] => {
  try {
    loadSettings(everyKind, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
};

describe('loadSettings', () => {
  it('reads every kind of value', () => {
    const env = {
      NAME: 'x',
      COUNT: '7',
      SHARE: '0.5',
      FLAG: 'true',
      WORD: 'key',
      HOSTS: 'c, d',
      SECRET: 's',
      JSON: '[1]',
    };
    expect(loadSettings(everyKind, env)).toEqual({
      name: 'x',
      count: 7,
      share: 0.5,
      flag: true,
      word: 'key',
      hosts: ['c', 'd'],
      secret: 's',
      nested: { json: [1] },
    });
  });

  it('uses the default of variables that are unset or empty', () => {
    expect(loadSettings(everyKind, { NAME: 'x', COUNT: '', HOSTS: '' })).toEqual({
      name: 'x',
      count: 3,
      share: 0.02,
      flag: false,
      word: 'none',
      hosts: ['a', 'b'],
      secret: undefined,
      nested: { json: [] },
    });
  });

  it('reports all problems at once, with variable, expectation and default', () => {
    const env = { COUNT: '11', SHARE: '1e-1', FLAG: 'yes', WORD: 'keys', HOSTS: 'a,,b', JSON: '["1"]' };
    expect(problemsWith(env)).toEqual([
      'NAME is not set: expected small letters (it has no default)',
      'COUNT is invalid: expected an integer from 0 to 10 (default: 3)',
      'SHARE is invalid: expected a number from 0 to 1 (default: 0.02)',
      'FLAG is invalid: expected `true` or `false` (default: false)',
      'WORD is invalid: expected one of `none`, `key` (default: none)',
      'HOSTS is invalid: expected a comma-separated list (default: a,b)',
      'JSON is invalid: expected an array (default: [])',
    ]);
  });

  it('never reports a value', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Z!]{12,20}$/), (value) => {
        const env = { NAME: value, COUNT: value, SHARE: value, FLAG: value, WORD: value, JSON: value };
        const problems = problemsWith(env);
        expect(problems).toHaveLength(6);
        expect(problems.join()).not.toContain(value);
      }),
    );
  });

  it.each(['1.0', '0x1', ' 1', '1 ', '9007199254740993', '١', 'NaN', '--1'])('rejects the integer %j', (COUNT) => {
    expect(problemsWith({ NAME: 'x', COUNT })).toHaveLength(1);
  });

  it('reads every integer, list and JSON value', () => {
    const spec = defineSettings({
      integer: settings.integer({ env: 'I', description: 'd' }),
      list: settings.list({ env: 'L', description: 'd' }),
      json: settings.json({ env: 'J', description: 'd', schema: z.json(), expected: 'JSON' }),
    });
    const item = fc.stringMatching(/^[^,\s]+$/);
    const anything = fc.jsonValue().filter((value) => !JSON.stringify(value).includes('__proto__'));
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.array(item, { minLength: 1 }), anything, (integer, list, json) => {
        const env = { I: String(integer), L: list.join(','), J: JSON.stringify(json) };
        expect(loadSettings(spec, env)).toEqual({ integer, list, json: JSON.parse(JSON.stringify(json)) });
      }),
    );
  });
});

describe('a secret in a file', () => {
  const spec = defineSettings({
    password: settings.optional(
      settings.string({ env: 'PASSWORD', secret: true, pattern: /^[a-z\n]+$/, expected: 'letters', description: 'd' }),
    ),
    name: settings.string({ env: 'NAME', default: 'n', description: 'd' }),
  });
  let folder: string;
  beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'secret-file-'))));
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });
  const fileWith = (content: string | Buffer): string => {
    const path = join(folder, 'secret');
    writeFileSync(path, content);
    return path;
  };
  const load = (PASSWORD_FILE: string, more: NodeJS.ProcessEnv = {}): unknown =>
    loadSettings(spec, { PASSWORD_FILE, ...more });

  it.each([
    ['pass', 'pass'],
    ['pass\n', 'pass'],
    ['pass\r\n\n', 'pass'],
    ['pa\nss\n', 'pa\nss'],
  ])('%j is the value %j, without the line breaks at its end', (content, password) => {
    expect(load(fileWith(content))).toEqual({ password, name: 'n' });
  });

  it.each<[string, () => string, RegExp]>([
    ['does not exist', () => join(folder, 'none'), /PASSWORD_FILE is invalid: .* does not exist/],
    ['is below a file', () => join(fileWith('x'), 'none'), /PASSWORD_FILE is invalid: .* does not exist/],
    ['is a directory', () => folder, /PASSWORD_FILE is invalid: .* is a directory/],
    ['is empty', () => fileWith(''), /PASSWORD_FILE is invalid: .* is empty/],
    ['has only line breaks', () => fileWith('\n\n'), /PASSWORD_FILE is invalid: .* is empty/],
    ['is too large', () => fileWith('x'.repeat(65_537)), /PASSWORD_FILE is invalid: .* is larger than 65536 bytes/],
    ['is not text', () => fileWith(Buffer.of(0xff, 0xfe)), /PASSWORD_FILE is invalid: .* is not text in UTF-8/],
    ['is a device', () => '/dev/null', /PASSWORD_FILE is invalid: .* is not a regular file/],
    ['has an invalid value', () => fileWith('HUSH'), /PASSWORD_FILE is invalid: .* must contain letters/],
  ])('is a problem of the setting when the file %s', (_, path, message) => {
    const file = path();
    expect(() => load(file)).toThrow(message);
    expect(() => load(file)).not.toThrow(/HUSH/);
    expect(() => load(file)).not.toThrow(file);
  });

  it('is a problem of the setting when the file may not be read', () => {
    const readFile = (): { problem: string } => ({ problem: 'cannot be read' });
    expect(() => loadSettings(spec, { PASSWORD_FILE: '/secret' }, readFile)).toThrow('PASSWORD_FILE');
  });

  it('is not read when the value is set too', () => {
    expect(() => load(fileWith('pass'), { PASSWORD: 'word' })).toThrow('PASSWORD and PASSWORD_FILE are both set');
    expect(load(fileWith('pass'), { PASSWORD: '' })).toMatchObject({ password: 'pass' });
    expect(load('', { PASSWORD: 'word' })).toMatchObject({ password: 'word' });
  });

  it('exists for secrets only, and its variable belongs to no other setting', () => {
    expect(load(fileWith('pass'), { NAME_FILE: '/none' })).toEqual({ password: 'pass', name: 'n' });
    const other = settings.string({ env: 'PASSWORD_FILE', default: 'x', description: 'd' });
    expect(() => defineSettings({ spec, other })).toThrow('PASSWORD_FILE is defined twice');
  });
});

describe('defineSettings', () => {
  const one = settings.integer({ env: 'ONE', default: 1, max: 5, description: 'd' });

  it('rejects a variable that is defined twice, and a default that its own parser rejects', () => {
    expect(() => defineSettings({ one, group: defineSettings({ one }) })).toThrow('ONE is defined twice');
    expect(() => defineSettings({ one: { ...one, default: '6' } })).toThrow('ONE has a default that it rejects');
  });

  it('lets a service change a default', () => {
    const spec = defineSettings({ service: withDefaults(serviceSettings, { HTTP_PORT: '3002' }) });
    expect(loadSettings(spec, {}).service.httpPort).toBe(3002);
    expect(loadSettings(serviceSettings, {}).httpPort).toBe(3001);
    expect(() => withDefaults(serviceSettings, { HTTP_PROT: '1' })).toThrow('no such setting: HTTP_PROT');
    expect(() => withDefaults(serviceSettings, { HTTP_PORT: 'x' })).toThrow('HTTP_PORT');
  });
});

describe('the shared settings', () => {
  it('are complete without any variable: the local stack', () => {
    expect(loadSettings(serviceSettings, {})).toMatchObject({ httpHost: '127.0.0.1', httpPort: 3001, adminTokens: [] });
    expect(loadSettings(kafkaSettings, {})).toMatchObject({ brokers: ['127.0.0.1:19092'], saslMechanism: 'none' });
    expect(loadSettings(bigquerySettings, {})).toMatchObject({ dataset: 'ecommerce_db', apiEndpoint: undefined });
    expect(loadSettings(pubsubSettings, {})).toMatchObject({ topic: 'orders-topic', emulatorHost: undefined });
  });

  it('require settings that belong together', () => {
    expect(() => loadSettings(kafkaSettings, { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'u' })).toThrow(
      'KAFKA_SASL_PASSWORD',
    );
    expect(() => loadSettings(bigquerySettings, { BIGQUERY_API_ENDPOINT: 'http://127.0.0.1:9050' })).toThrow(
      'BIGQUERY_GRPC_ENDPOINT',
    );
  });

  it.each([
    ['http://127.0.0.1:9050', '127.0.0.1:9060', undefined],
    ['https://bigquery.example', 'https://storage.example', undefined],
    ['https://bigquery.example:8443', 'https://storage.example:8443', undefined],
    ['https://bigquery.example', 'storage.example:443', 'both'],
    ['http://127.0.0.1:9050', 'https://storage.example', 'both'],
    ['http://127.0.0.1:9050', 'http://127.0.0.1:9060', 'BIGQUERY_GRPC_ENDPOINT is invalid'],
  ])('read the endpoints of BigQuery %s and %s', (apiEndpoint, grpcEndpoint, problem) => {
    const load = (): unknown =>
      loadSettings(bigquerySettings, { BIGQUERY_API_ENDPOINT: apiEndpoint, BIGQUERY_GRPC_ENDPOINT: grpcEndpoint });
    if (problem === undefined) expect(load()).toMatchObject({ apiEndpoint, grpcEndpoint });
    else expect(load).toThrow(problem);
  });

  const sha256 = 'a'.repeat(64);
  it.each<[string, string, string]>([
    ['text that is not JSON', 'ann:viewer:abc', 'abc'],
    ['an unknown role', JSON.stringify([{ name: 'ann', role: 'root', sha256 }]), 'root'],
    ['a token instead of its digest', JSON.stringify([{ name: 'ann', role: 'viewer', sha256: 'hush' }]), 'hush'],
    ['an unknown field', JSON.stringify([{ name: 'ann', role: 'viewer', sha256, token: 'hush' }]), 'hush'],
    ['a name that is used twice', JSON.stringify(Array(2).fill({ name: 'ann', role: 'viewer', sha256 })), sha256],
  ])('reject ADMIN_TOKENS with %s, and do not report the value', (_, ADMIN_TOKENS, value) => {
    const load = (): unknown => loadSettings(serviceSettings, { ADMIN_TOKENS });
    expect(load).toThrow(/ADMIN_TOKENS is invalid/);
    expect(load).not.toThrow(value);
  });
});

describe('the generated reference', () => {
  const services = {
    first: defineSettings({ service: serviceSettings, everyKind }),
    second: defineSettings({ service: withDefaults(serviceSettings, { HTTP_PORT: '3002' }) }),
  };

  it('has every variable once, with the defaults of each service', () => {
    const doc = renderConfigurationDoc(services);
    for (const { env } of settingsIn(services.first)) {
      expect(doc.match(new RegExp(`^\\| \`${env}\``, 'gm'))).toHaveLength(1);
    }
    expect(doc).toContain('`3001` (first), `3002` (second)');
    expect(doc).toMatch(/`NAME`.*\*\*required\*\*/);
    expect(doc).toMatch(/`ADMIN_TOKENS` \(secret\), or `ADMIN_TOKENS_FILE`/);
  });

  it('has an example environment that loads the defaults when the required values are filled in', () => {
    const lines = renderEnvExample(services).split('\n');
    const env = Object.fromEntries(
      lines.filter((line) => /^#?[A-Z_]+=/.test(line)).map((line) => line.replace('#', '').split(/=(.*)/, 2)),
    ) as Record<string, string>;
    expect(lines).toContain('NAME=');
    expect(lines).toContain('#ADMIN_TOKENS_FILE=');
    expect(loadSettings(services.first, { ...env, NAME: 'x' })).toEqual(loadSettings(services.first, { NAME: 'x' }));
  });

  it('rejects one variable with two meanings', () => {
    const other = defineSettings({ count: settings.boolean({ env: 'COUNT', default: true, description: 'd' }) });
    expect(() => renderConfigurationDoc({ first: everyKind, other })).toThrow('COUNT');
  });
});
