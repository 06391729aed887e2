import { type Endpoints } from '../stack/infrastructure';
import { serviceInstance, type ServiceName } from '../stack/services';
import { componentEnv } from './component-env';

/** What a shell of a user of Kafka and Google Cloud can have. */
const HOSTILE = {
  KAFKA_SSL: 'true',
  KAFKA_SASL_MECHANISM: 'plain',
  KAFKA_SASL_PASSWORD: 'secret',
  RULE_ACTIONS: '{"duplicate.order":"off"}',
  LOG_LEVEL: 'silent',
  CATALOG_WAIT_MS: '1',
  GENERATOR_SEED: '9',
  GOOGLE_APPLICATION_CREDENTIALS: '/home/user/key.json',
  GOOGLE_CLOUD_PROJECT: 'production',
  CLOUDSDK_CORE_PROJECT: 'production',
  AWS_SECRET_ACCESS_KEY: 'secret',
  NODE_OPTIONS: '--require ./agent.js',
  NODE_ENV: 'production',
  JAVA_TOOL_OPTIONS: '-javaagent:agent.jar',
  JDK_JAVA_OPTIONS: '-Xmx1g',
  PYTHONPATH: '/home/user/modules',
  HTTPS_PROXY: 'http://proxy:3128',
  https_proxy: 'http://proxy:3128',
  GRPC_TRACE: 'all',
  OTEL_TRACES_SAMPLER: 'jaeger_remote',
  OTEL_SDK_DISABLED: 'true',
  OTEL_RESOURCE_ATTRIBUTES: 'user=me',
  PATH: '/usr/bin',
  HOME: '/home/user',
  LANG: 'de_DE.UTF-8',
  LC_ALL: 'de_DE.UTF-8',
  TMPDIR: '/scratch',
  JAVA_HOME: '/opt/java',
};
const paths = { installed: '/repository/.local/installed' };

describe('the environment of a component', () => {
  it('has what programs need to run and what the stack sets, and nothing else of the user', () => {
    expect(componentEnv(HOSTILE, paths)).toEqual({
      PATH: '/usr/bin',
      HOME: '/home/user',
      LANG: 'de_DE.UTF-8',
      LC_ALL: 'de_DE.UTF-8',
      TMPDIR: '/scratch',
      JAVA_HOME: '/opt/java',
      METADATA_SERVER_DETECTION: 'none',
      NODE_COMPILE_CACHE: '/repository/.local/installed/compiled',
    });
  });

  it('has the settings of tracing if there is an endpoint', () => {
    const tracing = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318',
      OTEL_TRACES_SAMPLER: 'parentbased_always_on',
      OTEL_TRACES_SAMPLER_ARG: '1',
    };
    expect(componentEnv({ ...HOSTILE, ...tracing }, paths)).toMatchObject(tracing);
  });

  it.each([
    'validator',
    'bq-sink',
    'pubsub-bridge',
    'subscription-emulator',
    'order-generator',
    'console',
    'batch-loader',
  ] as const)('gives %s the same settings in any shell', async (name) => {
    const { PATH, HOME, LANG, LC_ALL, TMPDIR, JAVA_HOME } = HOSTILE;
    const clean = { PATH, HOME, LANG, LC_ALL, TMPDIR, JAVA_HOME };
    expect(await envOf(name, HOSTILE)).toEqual(await envOf(name, clean));
  });

  it('gives each service the cluster id of the broker of its own stack', async () => {
    expect(await envOf('validator', { KAFKA_CLUSTER_ID: 'of another stack' })).toMatchObject({
      KAFKA_CLUSTER_ID: 'cluster-of-this-stack',
    });
  });
});

async function envOf(name: ServiceName, env: NodeJS.ProcessEnv): Promise<NodeJS.ProcessEnv> {
  const endpoints: Endpoints = {
    kafka: '127.0.0.1:1',
    kafkaClusterId: 'cluster-of-this-stack',
    bigqueryApi: 'http://127.0.0.1:2',
    bigqueryGrpc: '127.0.0.1:3',
    pubsub: '127.0.0.1:4',
    project: 'local',
  };
  const { component } = serviceInstance(name, 5, {
    repository: '/repository',
    ledgerFolder: '/ledger',
    endpoints,
    tokens: { viewer: 'v', operator: 'o' },
    env: componentEnv(env, paths),
  });
  const spec = await component.process({
    signal: new AbortController().signal,
    run: () => Promise.reject(new Error('a service runs nothing before it starts')),
  });
  return spec.env;
}
