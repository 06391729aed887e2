import { peakMb, watchPeakMemory } from './peak-memory';

it('the peak of a process is read from its status', () => {
  expect(peakMb('Name:\tnode\nVmPeak:\t 9999999 kB\nVmHWM:\t  524288 kB\nVmRSS:\t  1024 kB\n')).toBe(512);
  expect(() => peakMb('Name:\tnode\nState:\tZ (zombie)\n')).toThrow('the process has ended');
});

it('the peak counts from the begin of the measurement', () => {
  const peak = watchPeakMemory(process.pid);
  const before = peak();
  const held = Buffer.alloc(64 * 1_048_576, 1);
  expect(peak()).toBeGreaterThan(before + 32);
  expect(held.length).toBe(64 * 1_048_576);
});
