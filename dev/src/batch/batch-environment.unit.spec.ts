import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type StackPaths, stackPaths } from '../paths';
import { batchShare } from '../stack/batch-share';
import { type StackFile, writeStackFile } from '../stack/stack-file';
import { batchEnvironment, checkDbtTarget, needsWarehouse } from './batch-environment';

describe('the environment of a command of the batch loader', () => {
  let home: string;
  let paths: StackPaths;

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'orderstream-batch-'));
    paths = stackPaths('/repository', home);
  });
  afterEach(() => {
    rmSync(home, { recursive: true });
  });

  const LOAD = ['--from', '2026-01-01', '--to', '2026-01-31'];
  const startStack = (seed?: number): void => {
    const bigquery = { apiEndpoint: 'http://rest', grpcEndpoint: 'grpc:1', projectId: 'p', dataset: 'd' };
    // The other properties are not read.
    writeStackFile(paths.stackFile, { bigquery, batch: batchShare(paths, seed) } as unknown as StackFile);
  };

  it('is the warehouse, the runs, the journal and the seed of the running stack, whatever the shell has', () => {
    startStack(7);
    const shell = { PATH: '/bin', BATCH_STORE: '/elsewhere', GENERATOR_SEED: '3', BIGQUERY_DATASET: 'other' };
    expect(batchEnvironment(paths, LOAD, shell)).toEqual({
      PATH: '/bin',
      BATCH_STORE: join(home, 'data', 'batch'),
      BATCH_SCRATCH_DIR: join(home, 'data', 'batch-scratch'),
      GENERATOR_LEDGER_DIR: join(home, 'data', 'ledger'),
      GENERATOR_SEED: '7',
      BIGQUERY_PROJECT: 'p',
      BIGQUERY_DATASET: 'd',
      BIGQUERY_API_ENDPOINT: 'http://rest',
      BIGQUERY_GRPC_ENDPOINT: 'grpc:1',
      METADATA_SERVER_DETECTION: 'none',
    });
  });

  it('has the default seed if the stack has it', () => {
    startStack();
    expect(batchEnvironment(paths, LOAD, { GENERATOR_SEED: '3' })).toMatchObject({ GENERATOR_SEED: undefined });
  });

  it.each([{ BIGQUERY_PROJECT: 'mine' }, { BIGQUERY_API_ENDPOINT: 'http://mine' }, { DBT_TARGET: 'google' }])(
    'is that of the shell if it names another warehouse: %j',
    (shell) => {
      startStack();
      expect(batchEnvironment(paths, LOAD, shell)).toBe(shell);
    },
  );

  it('needs a running stack for a command that writes to a warehouse', () => {
    expect(() => batchEnvironment(paths, LOAD, {})).toThrow('No stack is running');
    expect(() => batchEnvironment(paths, ['runs', 'resume', 'x'], {})).toThrow('No stack is running');
  });

  it.each([['runs', 'list'], ['runs', 'show', 'x'], ['list'], [...LOAD, '--dry-run'], ['--help']])(
    'has the runs of a stack that is stopped for %s',
    (...args) => {
      expect(needsWarehouse(args)).toBe(false);
      expect(batchEnvironment(paths, args, {})).toMatchObject({ BATCH_STORE: join(home, 'data', 'batch') });
    },
  );
});

describe('the target of dbt in a daily run', () => {
  it.each([{ BIGQUERY_PROJECT: 'mine' }, { BIGQUERY_API_ENDPOINT: 'http://mine', DBT_TARGET: 'local' }])(
    'is rejected if it is another warehouse than that of the load: %j',
    (env) => {
      expect(() => {
        checkDbtTarget(env);
      }).toThrow('Set DBT_TARGET=google');
    },
  );

  it.each([
    {},
    { BIGQUERY_PROJECT: 'mine', DBT_TARGET: 'google' },
    { BIGQUERY_PROJECT: 'mine', DBT_PROFILES_DIR: '/mine' },
    { BIGQUERY_API_ENDPOINT: 'http://mine', ORDERSTREAM_DBT_API_ENDPOINT: 'http://mine' },
  ])('is accepted: %j', (env) => {
    expect(() => {
      checkDbtTarget(env);
    }).not.toThrow();
  });
});
