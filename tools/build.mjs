// Compiles all projects into dist, in place, and prints only errors: `npm run build`.
import { spawnSync } from 'node:child_process';

const build = spawnSync('nest', ['build', '--all'], { encoding: 'utf8' });
if (build.status !== 0) {
  console.error(build.error ?? build.stdout + build.stderr);
  process.exit(build.status ?? 1);
}
