import { parseArgs } from 'node:util';

import { parseInteger } from '@orderstream/config';

export interface ServerOptions {
  /** 0 chooses a free one. */
  readonly port: number;
  readonly controlPort: number;
  /** `host:port` of the Write API that gets the requests. */
  readonly upstream: string | undefined;
  readonly seed: number;
}

/** The command line of the server. @throws TypeError */
export function parseServerOptions(args: readonly string[]): ServerOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: 'string', default: '0' },
      'control-port': { type: 'string', default: '0' },
      upstream: { type: 'string' },
      seed: { type: 'string', default: '1' },
    },
  });
  const integer = (name: 'port' | 'control-port' | 'seed', max: number): number => {
    const value = parseInteger(values[name], { min: 0, max });
    if (value === undefined) throw new TypeError(`--${name}: expected an integer from 0 to ${String(max)}`);
    return value;
  };
  return {
    port: integer('port', 65_535),
    controlPort: integer('control-port', 65_535),
    upstream: values.upstream,
    seed: integer('seed', Number.MAX_SAFE_INTEGER),
  };
}
