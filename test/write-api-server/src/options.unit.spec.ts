import { parseServerOptions } from './options';

describe('parseServerOptions', () => {
  it('reads the options', () => {
    const args = ['--port', '9060', '--control-port', '0', '--upstream', 'localhost:9060', '--seed', '7'];
    expect(parseServerOptions(args)).toEqual({ port: 9_060, controlPort: 0, upstream: 'localhost:9060', seed: 7 });
  });

  it.each(['', ' ', '1e3', '0x1', '65536', '1.5'])('rejects the port %j', (text) => {
    expect(() => parseServerOptions([`--port=${text}`])).toThrow('--port');
    expect(() => parseServerOptions([`--control-port=${text}`])).toThrow('--control-port');
  });

  it.each(['', '1e3', 'x'])('rejects the seed %j', (text) => {
    expect(() => parseServerOptions([`--seed=${text}`])).toThrow('--seed');
  });
});
