import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const read = (path: string): string => readFileSync(join(__dirname, '..', '..', path), 'utf8');
const compose = read('docker-compose.yml');
const google = read('docker-compose.google.yml');
const example = read('deploy/compose/env.example');

/** Variables of Compose itself. */
const OF_COMPOSE = ['COMPOSE_FILE'];
/** A file that is mounted and not read stands in for theirs. */
const OPTIONAL_FILES = ['CA_FILE', 'SERVICE_TOKEN_FILE', 'SERVICE_OPERATOR_TOKEN_FILE'];

const variablesIn = (text: string): string[] =>
  [...text.matchAll(/\$\{([A-Z_]+)/g)].flatMap(([, name]) => (name === undefined ? [] : [name]));
/** The first default of each variable: `${NAME:-default}`. */
const defaultsIn = (text: string): Map<string, string> =>
  new Map([...text.matchAll(/\$\{([A-Z_]+):-([^}$]*)\}/g)].map(([, name = '', value = '']) => [name, value]));
const documented = new Map(
  [...example.matchAll(/^#?([A-Z_]+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]),
);

describe('the variables of docker-compose.yml', () => {
  it('are all in deploy/compose/env.example, which has no others', () => {
    const used = new Set([...variablesIn(compose), ...variablesIn(google)]);
    expect([...documented.keys()].filter((name) => !OF_COMPOSE.includes(name)).sort()).toEqual([...used].sort());
  });

  it('have the defaults that the example shows', () => {
    const defaults = [...defaultsIn(compose)].filter(([name]) => !OPTIONAL_FILES.includes(name));
    expect(defaults.length).toBeGreaterThan(10);
    for (const [name, value] of defaults) expect([name, documented.get(name)]).toEqual([name, value]);
  });
});

describe('docker-compose.yml', () => {
  it('binds every host port to loopback, and lets a variable change it', () => {
    const ports = [...compose.matchAll(/^ +ports: \[(.*)\]$/gm)].map(([, port]) => port);
    expect(ports).toHaveLength(5);
    for (const port of ports) expect(port).toMatch(/^'127\.0\.0\.1:\$\{[A-Z_]+:-\d+\}:\d+'$/);
  });

  it('pins every public image to a version', () => {
    const images = [...compose.matchAll(/^ +image: (.+)$/gm)].map(([, image = '']) => image);
    const foreign = images.filter((image) => !image.startsWith('orderstream/'));
    expect(foreign.length).toBeGreaterThan(4);
    for (const image of foreign) expect(image).toMatch(/:v?\d+\.\d+\.\d+/);
  });
});
