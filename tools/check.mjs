// Runs all checks that need no broker, two at a time, and prints the output of those that fail: `npm run check`.
import { spawn } from 'node:child_process';
import { performance } from 'node:perf_hooks';

/** The longest first, so that the short ones fill the rest of the time. */
const CHECKS = [
  ['lint', 'npm run -s lint'],
  ['types', 'npm run -s typecheck'],
  // The build of the first is that of the second.
  ['generated files and SQL', 'npm run -s generate -- --check && npm run -s dbt -- lint'],
  ['words', 'node tools/check-words.mjs'],
  ['format', 'prettier --check . --cache --log-level warn'],
  ['dead code', 'knip --no-progress'],
  ['dependencies', 'depcruise apps libs dev bench test tools --no-progress'],
];
const AT_ONCE = 2;

/** Resolves to whether the check passed. */
function run([name, command]) {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const child = spawn(command, { shell: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    child.on('close', (code) => {
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
      console.log(`${code === 0 ? 'ok    ' : 'FAILED'}  ${name} (${seconds} s)`);
      if (code !== 0) console.log(Buffer.concat(output).toString());
      resolve(code === 0);
    });
  });
}

const waiting = [...CHECKS];
let passed = true;
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      passed = (await run(check)) && passed;
    }
  }),
);
process.exitCode = passed ? 0 : 1;
