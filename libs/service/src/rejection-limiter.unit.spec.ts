import fc from 'fast-check';
import { RejectionLimiter } from './rejection-limiter';

const LIMITS = { rejectionsPerWindow: 3, windowMs: 1_000, maxAddresses: 4 };

describe('RejectionLimiter', () => {
  let nowMs: number;
  const limiter = (): RejectionLimiter => new RejectionLimiter(() => nowMs, LIMITS);
  beforeEach(() => {
    nowMs = 0;
  });

  it('turns an address away from its limit to the end of the window, and nobody else', () => {
    const subject = limiter();
    for (let i = 0; i < 3; i++) {
      expect(subject.blockedForMs('a')).toBe(0);
      subject.rejected('a');
    }
    nowMs = 400;
    expect(subject.blockedForMs('a')).toBe(600);
    expect(subject.blockedForMs('b')).toBe(0);
    nowMs = 1_000;
    expect(subject.blockedForMs('a')).toBe(0);
  });

  it('lets nobody start anew by bringing other addresses', () => {
    const others = fc.array(fc.integer({ min: 0, max: 1_000 }), { maxLength: 100 });
    fc.assert(
      fc.property(fc.array(others, { minLength: 3, maxLength: 3 }), (rounds) => {
        nowMs = 0;
        const subject = limiter();
        for (const round of rounds) {
          subject.rejected('attacker');
          for (const other of round) subject.rejected(`address-${String(other)}`);
        }
        expect(subject.blockedForMs('attacker')).toBe(1_000);
      }),
    );
  });

  it('hears at most a bounded number of rejections in a window, however many addresses ask', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1_000 }), { maxLength: 200 }), (addresses) => {
        nowMs = 0;
        const subject = limiter();
        let heard = 0;
        for (const address of addresses) {
          if (subject.blockedForMs(String(address)) > 0) continue;
          heard += 1;
          subject.rejected(String(address));
        }
        expect(heard).toBeLessThanOrEqual((LIMITS.maxAddresses + 1) * LIMITS.rejectionsPerWindow);
      }),
    );
  });

  it('makes room for new addresses when windows have ended', () => {
    const subject = limiter();
    for (let i = 0; i < 20; i++) subject.rejected(`address-${String(i)}`);
    expect(subject.blockedForMs('new')).toBeGreaterThan(0);
    nowMs = 1_000;
    expect(subject.blockedForMs('new')).toBe(0);
    for (let i = 0; i < 3; i++) subject.rejected('new');
    expect(subject.blockedForMs('new')).toBeGreaterThan(0);
  });
});
