const MAX_LENGTH = 40;

const clipped = (text: string): string => (text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH - 1)}…`);

/** The constraint of a reason: its name, what was expected and what was found. */
export const violated = (name: string, expected: string | number, found: string | number): string =>
  `${name}: expected ${clipped(String(expected))}, found ${clipped(String(found))}`;
