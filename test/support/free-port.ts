import { PortFinder } from '../../dev/src';

const finder = new PortFinder();

/** Returns a TCP port on which nothing listens, and returns it only once in this process. */
export const freePort = (): Promise<number> => finder.find(0);
