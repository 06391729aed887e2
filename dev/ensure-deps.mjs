// Runs on any Node >= 18, before npm start / npm test. Installs the locked dependencies when they are missing or out of date.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stamp = join(root, 'node_modules', '.installed-for');
const want = `${createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex')} ${process.platform}-${process.arch}`;
if (existsSync(stamp) && readFileSync(stamp, 'utf8') === want) process.exit(0);
console.error('[bootstrap] node_modules is missing or does not match package-lock.json: running npm ci');
const npm = process.env.npm_execpath;
const r = npm
  ? spawnSync(process.execPath, [npm, 'ci', '--no-audit', '--no-fund'], { cwd: root, stdio: 'inherit' })
  : spawnSync('npm', ['ci', '--no-audit', '--no-fund'], {
      cwd: root,
      stdio: 'inherit',
      shell: process.platform === 'win32',
    });
if (r.status !== 0) {
  console.error('[bootstrap] npm ci failed');
  process.exit(r.status ?? 1);
}
writeFileSync(stamp, want);
