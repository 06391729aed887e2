// The batch loader, whose block FAILING_BLOCK fails so often as the file FAILURES says. Each start is a line of the file STARTS.
const { appendFileSync, existsSync, readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const { FAILURES, STARTS } = process.env;
const [, block] = process.argv.slice(2);
appendFileSync(STARTS, `${JSON.stringify({ block, atMs: Date.now() })}\n`);
const failures = existsSync(FAILURES) ? JSON.parse(readFileSync(FAILURES, 'utf8')) : {};
if (failures.block === block && failures.left > 0) {
  writeFileSync(FAILURES, JSON.stringify({ ...failures, left: failures.left - 1 }));
  console.error(`${block} fails on purpose`);
  process.exit(1);
}
require(join(__dirname, '../../dist/apps/batch-loader/src/main.js'));
