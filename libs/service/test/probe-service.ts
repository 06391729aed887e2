import { createHash } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { Body, Controller, Injectable, Module, Put } from '@nestjs/common';
import { Server, type CustomTransportStrategy } from '@nestjs/microservices';
import { ApiProperty } from '@nestjs/swagger';
import { defineSettings, serviceSettings } from '@orderstream/config';
import { createLogger } from '@orderstream/observability';
import { IsInt, Min } from 'class-validator';
import { runService, SERVICE_CONTROL, type ServiceDefinition } from '../src';

const settings = defineSettings({ service: serviceSettings });
const sha256 = (token: string): string => createHash('sha256').update(token).digest('hex');
export const VIEWER = 'token-of-a-viewer';
export const OPERATOR = 'token-of-an-operator';
const TOKENS = JSON.stringify([
  { name: 'ann', role: 'viewer', sha256: sha256(VIEWER) },
  { name: 'bob', role: 'operator', sha256: sha256(OPERATOR) },
]);

export class RateDto {
  @ApiProperty()
  @IsInt()
  @Min(0)
  rate: number;
}

export class StatusDto {
  @ApiProperty()
  paused: boolean;
}

@Controller('admin/rate')
class RateController {
  @Put()
  set(@Body() body: RateDto): RateDto {
    return body;
  }
}

@Controller('forgotten')
class UnguardedController {
  @Put()
  anything(): string {
    return 'reached';
  }
}

@Injectable()
export class Control {
  private paused = false;
  status(): object {
    return { paused: this.paused };
  }
  pause(): Promise<void> {
    this.paused = true;
    return Promise.resolve();
  }
  readonly bodies: unknown[] = [];
  resume(body?: object): Promise<void> {
    this.bodies.push(body);
    this.paused = false;
    return Promise.resolve();
  }
}

@Module({
  controllers: [RateController, UnguardedController],
  providers: [{ provide: SERVICE_CONTROL, useClass: Control }],
})
class AppModule {}

/** A transport that opens and drains when the test says so. */
class SlowServer extends Server implements CustomTransportStrategy {
  readonly opened = Promise.withResolvers<undefined>();
  readonly drained = Promise.withResolvers<undefined>();
  listens = 0;
  closes = 0;

  listen(callback: (error?: unknown) => void): void {
    this.listens += 1;
    this.opened.promise.then(() => {
      callback();
    }, callback);
  }
  async close(): Promise<void> {
    this.closes += 1;
    await this.drained.promise;
  }
  on(): never {
    throw new Error('no events');
  }
  unwrap(): never {
    throw new Error('nothing underneath');
  }
}

/** A process whose signals the test emits and whose exit it awaits. */
class FakeProcess extends EventEmitter {
  readonly exited = Promise.withResolvers<number>();
  written = '';
  readonly stderr = {
    write: (text: string): void => {
      this.written += text;
    },
  };
  exit(code: number): void {
    this.exited.resolve(code);
  }
}

interface LogLine {
  readonly msg: string;
  readonly level: string;
  readonly url?: string;
  readonly [name: string]: unknown;
}

export class Run {
  readonly host = new FakeProcess();
  readonly lines: LogLine[] = [];
  readonly server = new SlowServer();
  readonly ready: Promise<void>;
  private readonly emitter = new EventEmitter();

  constructor(env: NodeJS.ProcessEnv = {}, changes: Partial<ServiceDefinition<{ service: never }>> = {}) {
    const logger = createLogger({
      service: 'probe',
      level: 'info',
      destination: {
        write: (text: string): void => {
          this.lines.push(JSON.parse(text) as LogLine);
          this.emitter.emit('line');
        },
      },
    });
    this.ready = runService(
      { name: 'probe', settings, module: () => AppModule, servers: () => [this.server], ...(changes as object) },
      { env: { HTTP_PORT: '0', ADMIN_TOKENS: TOKENS, ...env }, host: this.host, logger },
    );
  }

  async line(msg: string): Promise<LogLine> {
    for (;;) {
      const found = this.lines.find((line) => line.msg.includes(msg));
      if (found !== undefined) return found;
      await new Promise((resolve) => this.emitter.once('line', resolve));
    }
  }

  async url(): Promise<string> {
    return String((await this.line('listening')).url);
  }

  async running(): Promise<string> {
    this.server.opened.resolve(undefined);
    await this.ready;
    return this.url();
  }

  async stop(): Promise<number> {
    this.server.opened.resolve(undefined);
    this.server.drained.resolve(undefined);
    await this.ready;
    this.host.emit('SIGTERM', 'SIGTERM');
    return this.host.exited.promise;
  }
}

/** A service that runs before the first test of a describe and stops after the last. */
export function runDuringTests(): { readonly run: Run; readonly url: string } {
  const service = {} as { run: Run; url: string };
  beforeAll(async () => {
    service.run = new Run();
    service.url = await service.run.running();
  });
  afterAll(async () => {
    await service.run.stop();
  });
  return service;
}
