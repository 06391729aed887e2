/**
 * Installs the locked dependencies when they are missing or differ from package-lock.json, then checks the version of
 * the `node` that npm scripts use. Runs before `npm start`, `npm test` and other scripts, so that one command is enough
 * after a clone.
 *
 * Linux x64 and arm64 are supported: there Node 24 is a dependency. On macOS the user installs Node 24.15 or newer, and
 * `npm run` uses that.
 *
 * The first run uses the Node that npm runs on (20 or newer): no dependencies, no newer syntax.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE = [24, 15];
const PREREQUISITE_MISSING = 3;

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

function installDependencies() {
  const stamp = join(root, 'node_modules', '.installed-for');
  const lockHash = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const wanted = `${lockHash} ${process.platform}-${process.arch}`;
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  console.error('Installing the dependencies in package-lock.json (npm ci) ...');
  // Without the warnings of packages that require the Node that this installs.
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = process.env.npm_execpath;
  const options = { cwd: root, stdio: 'inherit' };
  const { status } = npm ? spawnSync(process.execPath, [npm, ...args], options) : spawnSync('npm', args, options);
  if (status !== 0) {
    console.error('npm ci failed: the dependencies are not installed.');
    process.exit(status || 1);
  }
  writeFileSync(stamp, wanted);
}

/** npm scripts find the installed Node first, then the one on the PATH, which runs this script. */
function checkNodeVersion() {
  const installed = join(root, 'node_modules', '.bin', 'node');
  const isInstalled = existsSync(installed);
  const version = isInstalled ? spawnSync(installed, ['--version'], { encoding: 'utf8' }).stdout : process.version;
  const [major, minor] = /^v(\d+)\.(\d+)/
    .exec(version || '')
    ?.slice(1)
    .map(Number) || [0, 0];
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  const found = isInstalled
    ? `${installed} ${version ? `is ${version.trim()}` : 'does not run on this machine'}`
    : `node on the PATH is ${version}`;
  console.error(`Node ${OLDEST_NODE.join('.')} or newer is required, and ${found}.`);
  console.error('On Linux x64 and arm64 npm installs it. On macOS install it yourself: https://nodejs.org/en/download');
  process.exit(PREREQUISITE_MISSING);
}

installDependencies();
checkNodeVersion();
