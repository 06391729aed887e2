import fc from 'fast-check';
import { AuthenticationLimiter } from './authentication-limiter';

const LIMITS = { failuresPerWindow: 3, failuresInSum: 10_000, windowMs: 1_000, maxAddresses: 4 };

describe('AuthenticationLimiter', () => {
  let nowMs: number;
  const limiter = (): AuthenticationLimiter => new AuthenticationLimiter(() => nowMs, LIMITS);
  beforeEach(() => {
    nowMs = 0;
  });

  it('blocks an address from its limit to the end of the window, and no other address', () => {
    const subject = limiter();
    for (let i = 0; i < 3; i++) {
      expect(subject.blockedForMs('a')).toBe(0);
      subject.authenticationFailed('a');
    }
    nowMs = 400;
    expect(subject.blockedForMs('a')).toBe(600);
    expect(subject.blockedForMs('b')).toBe(0);
    nowMs = 1_000;
    expect(subject.blockedForMs('a')).toBe(0);
  });

  it('blocks every address from the limit of the sum to the end of its window', () => {
    const subject = new AuthenticationLimiter(() => nowMs, { ...LIMITS, failuresInSum: 5, maxAddresses: 100 });
    for (let i = 0; i < 5; i++) {
      expect(subject.blockedForMs('new')).toBe(0);
      subject.authenticationFailed(`address-${String(i)}`);
    }
    nowMs = 400;
    expect(subject.blockedForMs('new')).toBe(600);
    nowMs = 1_000;
    expect(subject.blockedForMs('new')).toBe(0);
    subject.authenticationFailed('new');
    expect(subject.blockedForMs('other')).toBe(0);
  });

  it('blocks an address at its limit whatever other addresses fail in between', () => {
    const others = fc.array(fc.integer({ min: 0, max: 1_000 }), { maxLength: 100 });
    fc.assert(
      fc.property(fc.array(others, { minLength: 3, maxLength: 3 }), (rounds) => {
        nowMs = 0;
        const subject = limiter();
        for (const round of rounds) {
          subject.authenticationFailed('attacker');
          for (const other of round) subject.authenticationFailed(`address-${String(other)}`);
        }
        expect(subject.blockedForMs('attacker')).toBe(1_000);
      }),
    );
  });

  it('allows a bounded number of failures in a window, from any number of addresses', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1_000 }), { maxLength: 200 }), (addresses) => {
        nowMs = 0;
        const subject = limiter();
        let allowed = 0;
        for (const address of addresses) {
          if (subject.blockedForMs(String(address)) > 0) continue;
          allowed += 1;
          subject.authenticationFailed(String(address));
        }
        expect(allowed).toBeLessThanOrEqual((LIMITS.maxAddresses + 1) * LIMITS.failuresPerWindow);
      }),
    );
  });

  it('gives new addresses a window of their own when earlier windows have ended', () => {
    const subject = limiter();
    for (let i = 0; i < 20; i++) subject.authenticationFailed(`address-${String(i)}`);
    expect(subject.blockedForMs('new')).toBeGreaterThan(0);
    nowMs = 1_000;
    expect(subject.blockedForMs('new')).toBe(0);
    for (let i = 0; i < 3; i++) subject.authenticationFailed('new');
    expect(subject.blockedForMs('new')).toBeGreaterThan(0);
    expect(subject.blockedForMs('another')).toBe(0);
  });
});
