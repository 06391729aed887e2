// Ends or suspends this process at a step of a run: `node --require test/kill-at.cjs dist/apps/batch-loader/src/main.js …`
// with KILL_AT or STOP_AT = `<block>/<step>`. The runner calls the observer's `step` between two steps; the terminal's
// observer has none.
const { ProgressBar } = require('../../../dist/apps/batch-loader/src/commands/progress-bar.js');

ProgressBar.prototype.step = (_run, block, name) => {
  const step = `${block}/${name}`;
  if (step === process.env.KILL_AT) process.kill(process.pid, 'SIGKILL');
  if (step === process.env.STOP_AT) process.kill(process.pid, 'SIGSTOP');
};
