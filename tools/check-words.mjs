// Finds words that this project does not use, each with the word to use: `node tools/check-words.mjs [path ...]`.
// One thing has one name, in code, settings, metrics, messages and documents.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A whole word, also as a part of a camelCase or snake_case name. */
const word = (lower, endings = '') => {
  const [first, ...rest] = lower;
  const any = `[${first}${first.toUpperCase()}]${rest.join('')}`;
  return new RegExp(`(?<![a-z])(${any}|${lower.toUpperCase()})(${endings})(?![a-z])`);
};

const GENERATOR = /^(apps\/order-generator|libs\/ledger|libs\/contracts\/src\/ledger)/;

/** What to find, what to say in its place, and where it applies (unset: everywhere). */
const WORDS = [
  { not: word('lane', 's?'), say: 'partition task' },
  { not: word('mend', 's|ed|ing|'), say: 'patch (of kafkajs); repair, fix, end' },
  { not: /\b(let|lets|letting) go\b|letGo/i, say: 'release, close' },
  { not: /(?<!connection )(?<!ECONN)refus(e|al|ing)/i, say: 'reject, rejection' },
  { not: /\b(name|names|named|naming)( of)? a stream\b/i, say: 'assign a stream' },
  { not: /(?<!in )doubt|nobody's/i, say: 'unknown outcome; in doubt only for a transaction' },
  { not: /judg(e|ing|ment)/i, say: 'evaluate, verdict' },
  { not: word('story'), say: 'simulation, schedule' },
  { not: word('tell', 's|ing|'), say: 'say, report, emit' },
  { not: word('told'), say: 'reported, emitted, announced' },
  { not: /(?<!the |unix )epoch/i, say: 'segment (of a schedule)', where: GENERATOR },
  { not: word('generation', 's?'), say: 'run, identity', where: GENERATOR },
  { not: /bad[-_ ]?share/i, say: 'defect rate' },
  { not: /stand-?in(?![a-z])/i, say: 'emulator' },
  { not: /patience/i, say: 'timeout, deadline' },
  { not: word('turns'), say: 'semaphore, limit; becomes' },
  { not: /weather|costume|disguise/i, say: 'injected fault' },
  { not: /(?<![a-z])wires?\b(?! (type|format))|(?<!_)Wire(?!Type)/, say: 'link, proxy, connection' },
  { not: /\banew\b/i, say: 're-created, again' },
  { not: /\bpass(es|ing)? over\b/i, say: 'skip, ignore' },
  { not: word('kept'), say: 'stored, retained; a noun for what it is' },
  { not: /(?<!formatTo)(\b|[a-z])[Pp]arts\b/, say: 'dependencies, options, components' },
  { not: /[a-z]Life\b/, say: 'a noun for what it does' },
  { not: /\bwhoever\b|\bso-manieth\b/i, say: 'plain English' },
];

/** Files that quote others' words. */
const NOT_OURS = /^(LICENSE|package-lock\.json|tools\/check-words\.mjs|dev\/bigquery\/.*requirements\.txt)$/;

const files = execFileSync(
  'git',
  ['ls-files', '--cached', '--others', '--exclude-standard', '--', ...process.argv.slice(2)],
  {
    encoding: 'utf8',
  },
)
  .split('\n')
  .filter((file) => file !== '' && !NOT_OURS.test(file));

let found = 0;
const report = (place, text, { not, say }) => {
  found++;
  console.log(`${place}: "${not.exec(text)?.[0] ?? ''}", say ${say}`);
};
for (const file of files) {
  const rules = WORDS.filter(({ where }) => where === undefined || where.test(file));
  for (const rule of rules) if (rule.not.test(file)) report(file, file, rule);
  let content;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') continue; // deleted, and not committed yet
    throw error;
  }
  content.split('\n').forEach((line, index) => {
    for (const rule of rules) if (rule.not.test(line)) report(`${file}:${index + 1}`, line, rule);
  });
}
if (found > 0) console.log(`${found} words to change`);
process.exitCode = found > 0 ? 1 : 0;
