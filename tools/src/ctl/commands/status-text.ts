import { renderFields } from '../output/table';

/** The simple values of a status, one line each; the others are only in `--json`. */
export function statusText(status: Readonly<Record<string, unknown>>): string {
  return renderFields(
    Object.entries(status).flatMap(([name, value]): (readonly [string, string | number])[] => {
      if (typeof value === 'string' || typeof value === 'number') return [[name, value]];
      if (typeof value === 'boolean') return [[name, String(value)]];
      // One level deep: `rate.target`.
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
      return Object.entries(value).flatMap(([inner, part]): (readonly [string, string | number])[] =>
        typeof part === 'string' || typeof part === 'number' ? [[`${name}.${inner}`, part]] : [],
      );
    }),
  );
}
