/**
 * Installs the locked dependencies when they are missing or older than package-lock.json. Runs before `npm start` and
 * `npm test`, so that one command is enough on a fresh clone.
 *
 * It is started by whatever Node came with npm (18 or newer): no dependency, no newer syntax. The Node 24 that the rest runs
 * on is one of the dependencies it installs.
 */
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
console.error('Installing the dependencies in package-lock.json (npm ci) ...');
const npm = process.env.npm_execpath;
const r = npm
  ? spawnSync(process.execPath, [npm, 'ci', '--no-audit', '--no-fund'], { cwd: root, stdio: 'inherit' })
  : spawnSync('npm', ['ci', '--no-audit', '--no-fund'], {
      cwd: root,
      stdio: 'inherit',
      shell: process.platform === 'win32',
    });
if (r.status !== 0) {
  console.error('npm ci failed: the dependencies are not installed.');
  process.exit(r.status ?? 1);
}
writeFileSync(stamp, want);
