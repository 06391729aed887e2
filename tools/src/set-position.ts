import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { EXIT, repositoryRoot } from '../../dev/src';

const SERVICES = ['validator', 'bq-sink', 'pubsub-bridge'] as const;
const USAGE = `Moves the position of a partition that has stopped; afterwards POST /admin/resume opens it again:
  npm run set-position -- <${SERVICES.join('|')}> --family <family> (--partition <number> | --all) --to <target>
It needs the environment of the service. Without further arguments a service prints its targets.
`;

/** Runs the command of the service. Apps know nothing of each other: each has its own `set-position`. */
function setPosition([service, ...args]: readonly string[]): number {
  const known = SERVICES.find((name) => name === service);
  if (known === undefined) {
    process.stderr.write(USAGE);
    return EXIT.usage;
  }
  const main = join(repositoryRoot(), 'dist', 'apps', known, 'src', 'main.js');
  const { status, error } = spawnSync(process.execPath, [main, 'set-position', ...args], { stdio: 'inherit' });
  if (error !== undefined) process.stderr.write(`set-position: ${main} does not start: ${error.message}\n`);
  return status ?? EXIT.notAccountedFor;
}

process.exitCode = setPosition(process.argv.slice(2));
