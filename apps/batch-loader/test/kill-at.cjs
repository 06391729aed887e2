// Kills this process at a step of a run: `node --require test/kill-at.cjs dist/apps/batch-loader/src/main.js …` with
// KILL_AT = `<block>/<step>`. The runner calls the observer's `step` between two steps; the terminal's observer has none.
const { ProgressBar } = require('../../../dist/apps/batch-loader/src/commands/progress-bar.js');

ProgressBar.prototype.step = (_run, block, name) => {
  if (`${block}/${name}` === process.env.KILL_AT) process.kill(process.pid, 'SIGKILL');
};
