import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findPython } from './python';

describe('the search for a Python', () => {
  let root: string;
  const interpreter = (version: string): string => {
    const [major = '', minor = ''] = version.split('.');
    const folder = join(root, 'versions', version, 'bin');
    mkdirSync(folder, { recursive: true });
    const path = join(folder, `python${major}.${minor}`);
    writeFileSync(path, `#!/bin/sh\necho "${major} ${minor} ${path}"\n`);
    chmodSync(path, 0o755);
    return path;
  };

  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'orderstream-python-'));
  });
  afterAll(() => {
    rmSync(root, { recursive: true });
  });

  it('finds the newest of the version in pyenv', async () => {
    interpreter('3.11.2');
    const newest = interpreter('3.11.10');
    interpreter('3.13.1');
    // Without a PATH there is no other one.
    expect(await findPython(undefined, root, { PATH: '/nowhere' }, '3.11')).toEqual({ path: newest });
  });

  it('says which version is missing, for what, and which variable names it', async () => {
    const found = await findPython('/nowhere/python', root, { PATH: '/bin' }, '3.11');
    expect(found).toEqual({ problem: expect.stringMatching(/Python 3\.11.*Mage.*ORDERSTREAM_MAGE_PYTHON.*another/) });
  });
});
