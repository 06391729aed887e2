// Entry point of the images: the first argument names the program, the others are its own.
const { existsSync, readdirSync } = require('node:fs');
const { join } = require('node:path');

/** Folders with one program each, in `<name>/<main>`. The image of a deployment has only the first. */
const FOLDERS = [
  { folder: 'dist/apps', main: 'src/main.js' },
  { folder: 'dist/dev/src', main: 'main.js' },
];

const programs = new Map(
  FOLDERS.flatMap(({ folder, main }) => {
    const path = join(__dirname, folder);
    return existsSync(path) ? readdirSync(path).map((name) => [name, join(path, name, main)]) : [];
  }).filter(([, file]) => existsSync(file)),
);

const [name] = process.argv.splice(2, 1);
const file = programs.get(name);
if (file === undefined) {
  const names = [...programs.keys()].sort().join(', ');
  console.error(
    `${name === undefined ? 'No program is named' : `There is no program ${name}`}: the command must be one of ${names}.`,
  );
  process.exitCode = 2;
} else {
  require(file);
}
