import 'reflect-metadata';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { ResumeDto, suspensionOf } from './resume.dto';

const problemsOf = (body: object): string[] =>
  validateSync(plainToInstance(ResumeDto, body), { whitelist: true, forbidNonWhitelisted: true }).flatMap(
    ({ constraints }) => Object.values(constraints ?? {}),
  );

describe('the body of POST /admin/resume', () => {
  it.each([
    [{}, undefined],
    [{ withoutBreakerRecords: 1 }, { records: 1 }],
    [{ withoutBreakerRecords: 1_000_000 }, { records: 1_000_000 }],
    [{ withoutBreakerMinutes: 1_440 }, { minutes: 1_440 }],
  ])('%j resumes with %j', (body, suspension) => {
    expect(problemsOf(body)).toEqual([]);
    expect(suspensionOf(plainToInstance(ResumeDto, body))).toEqual(suspension);
  });

  it.each([
    { withoutBreakerRecords: 0 },
    { withoutBreakerRecords: 1_000_001 },
    { withoutBreakerRecords: 1.5 },
    { withoutBreakerRecords: '100' },
    { withoutBreakerRecords: null },
    { withoutBreakerMinutes: 1_441 },
    { withoutBreakerMinutes: null },
    { withoutBreakerRecords: 5, withoutBreakerMinutes: 5 },
    { withoutBreaker: true },
  ])('%j is rejected', (body) => {
    expect(problemsOf(body).length).toBeGreaterThan(0);
  });
});
