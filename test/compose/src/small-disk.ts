import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command, tryCommand } from './command';

/** A file system of a stated size, and a Compose file that puts the volume of the broker on it. Needs root on Linux. */
export class SmallDisk {
  private readonly folder: string;
  readonly composeFile: string;

  private constructor(folder: string) {
    this.folder = join(folder, 'small-disk');
    this.composeFile = join(folder, 'small-disk.yml');
  }

  static async mount(folder: string, megabytes: number): Promise<SmallDisk> {
    const disk = new SmallDisk(folder);
    mkdirSync(disk.folder, { recursive: true });
    await command('mount', ['-t', 'tmpfs', '-o', `size=${String(megabytes)}m,mode=0777`, 'tmpfs', disk.folder]);
    const volume = { driver: 'local', driver_opts: { type: 'none', o: 'bind', device: disk.folder } };
    // JSON is YAML.
    writeFileSync(disk.composeFile, JSON.stringify({ volumes: { redpanda: volume } }));
    return disk;
  }

  async freeBytes(): Promise<number> {
    const lines = await command('df', ['--output=avail', '--block-size=1', this.folder]);
    return Number(lines.split('\n')[1]);
  }

  async grow(megabytes: number): Promise<void> {
    await command('mount', ['-o', `remount,size=${String(megabytes)}m`, this.folder]);
  }

  async unmount(): Promise<void> {
    await tryCommand('umount', [this.folder]);
  }
}
