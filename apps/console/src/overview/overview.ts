import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { SETTINGS } from '@orderstream/service';
import { type ConsoleSettings } from '../console.config';
import { ServiceProbe, type ServiceReport } from './service-probe';

/** Between two scrapes for the rates. */
const SCRAPE_INTERVAL_MS = 10_000;

/** Every service of SERVICE_URLS, in one answer. */
@Injectable()
export class Overview implements OnApplicationShutdown {
  private readonly probes: readonly ServiceProbe[];
  private timer: NodeJS.Timeout | undefined;

  constructor(@Inject(SETTINGS) { overview: { serviceUrls, token, timeoutMs } }: ConsoleSettings) {
    this.probes = Object.entries(serviceUrls).map(([name, url]) => new ServiceProbe({ name, url, token, timeoutMs }));
  }

  /** Scrapes regularly, so that the first answer has rates. */
  start(): void {
    void this.ask();
    this.timer ??= setInterval(() => void this.ask(), SCRAPE_INTERVAL_MS).unref();
  }

  /** Asks all services at once. Ends with the deadline of the slowest. */
  ask(): Promise<ServiceReport[]> {
    return Promise.all(this.probes.map((probe) => probe.ask()));
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }
}
