import { NoProgressError } from '../errors';
import { untilDrained } from './drain';

const never = new AbortController().signal;

describe('untilDrained', () => {
  it('waits for as long as anything moves, also over looks that fail', async () => {
    let looks = 0;
    await untilDrained(
      'a slow one',
      () => {
        looks++;
        if (looks % 2 === 0) return Promise.reject(new Error('being started again'));
        return Promise.resolve({ done: looks >= 5, mark: String(looks) });
      },
      never,
      0.7,
    );
    expect(looks).toBe(5);
  });

  it('gives up when nothing moves, and says what was awaited', async () => {
    const stuck = untilDrained('the sink', () => Promise.resolve({ done: false, mark: 'same' }), never, 0.1);
    await expect(stuck).rejects.toThrow(NoProgressError);
    await expect(stuck).rejects.toThrow('waiting for the sink');
    const failing = untilDrained('the sink', () => Promise.reject(new Error('gone')), never, 0.1);
    await expect(failing).rejects.toThrow(NoProgressError);
  });
});
