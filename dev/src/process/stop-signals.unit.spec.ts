import { EventEmitter } from 'node:events';
import { StopSignals } from './stop-signals';

const newHost = () => Object.assign(new EventEmitter(), { stdout: new EventEmitter(), stderr: new EventEmitter() });

describe('the signals that stop a command', () => {
  it.each<[string, (host: ReturnType<typeof newHost>) => void, number]>([
    ['SIGINT', (host) => host.emit('SIGINT'), 130],
    ['SIGTERM', (host) => host.emit('SIGTERM'), 143],
    ['a closed standard output', (host) => host.stdout.emit('error', new Error('EPIPE')), 141],
    ['a closed standard error', (host) => host.stderr.emit('error', new Error('EPIPE')), 141],
  ])('include %s', (_, send, exitCode) => {
    const host = newHost();
    const stop = new StopSignals(host);
    expect([stop.signal.aborted, stop.exitCode]).toEqual([false, undefined]);
    send(host);
    expect([stop.signal.aborted, stop.exitCode]).toEqual([true, exitCode]);
  });

  it('give the exit code of the first one', () => {
    const host = newHost();
    const stop = new StopSignals(host);
    host.emit('SIGTERM');
    host.stdout.emit('error', new Error('EPIPE'));
    expect(stop.exitCode).toBe(143);
  });
});
