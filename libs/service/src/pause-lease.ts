import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, Max, Min, ValidateIf } from 'class-validator';

const MAX_LEASE_SECONDS = 600;

/** The body of `POST /admin/pause`. */
export class PauseRequest {
  @ApiPropertyOptional({
    description: 'After this time the service resumes by itself. Without it, the pause lasts until POST /admin/resume.',
    type: 'integer',
    minimum: 1,
    maximum: MAX_LEASE_SECONDS,
    example: 60,
  })
  @ValidateIf(({ seconds }: PauseRequest) => seconds !== undefined)
  @IsInt()
  @Min(1)
  @Max(MAX_LEASE_SECONDS)
  readonly seconds?: number;
}

/**
 * The end of a pause that was requested for a limited time, so that a program that pauses a service and dies leaves no
 * service paused. A further limited pause replaces the end, earlier or later. A pause without a limit takes precedence
 * over a limited one, whichever comes first: only `POST /admin/resume` ends it.
 */
export class PauseLease {
  private timer: NodeJS.Timeout | undefined;
  private isUnlimited = false;

  /** The service was paused; without `seconds`, until it is resumed. */
  paused(seconds: number | undefined, resume: () => void): void {
    clearTimeout(this.timer);
    if (seconds === undefined) this.isUnlimited = true;
    if (this.isUnlimited || seconds === undefined) return;
    this.timer = setTimeout(resume, seconds * 1_000).unref();
  }

  /** The service was resumed. */
  resumed(): void {
    clearTimeout(this.timer);
    this.isUnlimited = false;
  }
}
