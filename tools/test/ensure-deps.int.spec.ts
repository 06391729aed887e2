import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const LOCK = '{"lockfileVersion": 3}';

describe('ensure-deps with the dependencies installed', () => {
  let repository: string;
  beforeEach(() => {
    repository = mkdtempSync(join(tmpdir(), 'ensure-deps-'));
    mkdirSync(join(repository, 'tools'));
    mkdirSync(join(repository, 'node_modules', '.bin'), { recursive: true });
    copyFileSync(join(__dirname, '..', 'ensure-deps.mjs'), join(repository, 'tools', 'ensure-deps.mjs'));
    writeFileSync(join(repository, 'package-lock.json'), LOCK);
    const hash = createHash('sha256').update(LOCK).digest('hex');
    writeFileSync(join(repository, 'node_modules', '.installed-for'), `${hash} ${process.platform}-${process.arch}`);
  });
  afterEach(() => {
    rmSync(repository, { recursive: true, force: true });
  });

  const installNode = (script: string): void => {
    const path = join(repository, 'node_modules', '.bin', 'node');
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
  };
  const run = () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(repository, 'tools', 'ensure-deps.mjs')], {
      encoding: 'utf8',
    });
    return { status, stdout, stderr };
  };

  it.each(['v24.15.0', 'v24.16.1', 'v25.0.0', 'v100.1.0'])('accepts an installed Node %s', (version) => {
    installNode(`echo ${version}`);
    expect(run()).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it.each(['v24.14.9', 'v22.99.0', 'v20.0.0'])('exits with 3 for an installed Node %s', (version) => {
    installNode(`echo ${version}`);
    const { status, stderr } = run();
    expect(status).toBe(3);
    expect(stderr).toContain(
      `Node 24.15 or newer is required, and ${repository}/node_modules/.bin/node is ${version}.`,
    );
  });

  it('exits with 3 for an installed Node that does not run', () => {
    installNode('exit 1');
    const { status, stderr } = run();
    expect(status).toBe(3);
    expect(stderr).toContain('node_modules/.bin/node does not run on this machine');
  });

  it('accepts the Node on the PATH, which runs the script, when none is installed', () => {
    expect(run()).toEqual({ status: 0, stdout: '', stderr: '' });
  });
});
