import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type StackPaths, stackPaths } from '../paths';
import { batchShare } from '../stack/batch-share';
import { type StackFile, writeStackFile } from '../stack/stack-file';
import { batchEnvironment, type BatchProgram, needsWarehouse } from './batch-environment';

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
    expect(batchEnvironment(paths, 'batch', LOAD, shell)).toEqual({
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

  it('has the default seed if the stack has it, and the scratch folder of the shell', () => {
    startStack();
    const shell = { GENERATOR_SEED: '3', BATCH_SCRATCH_DIR: '/large' };
    expect(batchEnvironment(paths, 'batch', LOAD, shell)).toMatchObject({
      GENERATOR_SEED: undefined,
      BATCH_SCRATCH_DIR: '/large',
    });
  });

  it.each([{ BIGQUERY_PROJECT: 'mine' }, { BIGQUERY_API_ENDPOINT: 'http://mine' }, { DBT_TARGET: 'google' }])(
    'is that of the shell if it names another warehouse: %j',
    (shell) => {
      startStack();
      const store = { BATCH_STORE: join(home, 'batch'), BATCH_SCRATCH_DIR: join(home, 'batch-scratch') };
      expect(batchEnvironment(paths, 'daily', LOAD, shell)).toEqual({ ...store, ...shell });
      const own = { ...shell, BATCH_STORE: 'gs://mine/batch', BATCH_SCRATCH_DIR: '/large' };
      expect(batchEnvironment(paths, 'daily', LOAD, own)).toEqual(own);
    },
  );

  it.each([{}, { BIGQUERY_PROJECT: '' }, { DBT_TARGET: 'local' }])(
    'needs a running stack for a command that writes to a warehouse, with %j',
    (shell) => {
      expect(() => batchEnvironment(paths, 'batch', LOAD, shell)).toThrow('No stack is running');
    },
  );

  it.each<[BatchProgram, string]>([
    ['batch', ''],
    ['batch', '--help'],
    ['batch', 'runs list'],
    ['batch', '--limit 3 runs list'],
    ['batch', 'runs show load_1'],
    ['batch', '--from 2026-01-01 --to 2026-01-31 --dry-run'],
    ['daily', 'list'],
    ['daily', '--limit 5 list'],
    ['daily', '--help'],
  ])('is the runs of a stack that is stopped, or those of the shell, for %s %s', (program, text) => {
    const args = text.split(' ').filter((word) => word !== '');
    expect(batchEnvironment(paths, program, args, {})).toMatchObject({ BATCH_STORE: join(home, 'data', 'batch') });
    const shell = { BATCH_STORE: 'gs://mine/batch', GENERATOR_SEED: '7' };
    expect(batchEnvironment(paths, program, args, shell)).toMatchObject(shell);
  });

  it.each<[BatchProgram, string]>([
    ['batch', 'runs resume load_1'],
    ['batch', 'runs cancel load_1'],
    ['batch', 'block export_to_gbq load_1'],
    ['batch', 'list'],
    ['daily', ''],
    ['daily', '--dry-run'],
  ])('has a warehouse for %s %s', (program, text) => {
    expect(needsWarehouse(program, text.split(' '))).toBe(true);
  });
});
