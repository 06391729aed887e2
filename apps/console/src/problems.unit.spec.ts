import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONSOLE_PROBLEMS } from './problems';

it('documents every type of problem with its status', () => {
  const text = readFileSync(join(__dirname, '../../../docs/console.md'), 'utf8');
  const documented = Array.from(text.matchAll(/^\| `([\w-]+)` +\| (\d{3}) /gm), ([, type, status]) => [
    type,
    Number(status),
  ]);
  expect(documented).toEqual(Object.entries(CONSOLE_PROBLEMS).map(([type, [status]]) => [type, status]));
});
