import { PortFinder } from '../../dev/src';

const finder = new PortFinder();

/** A free port, returned only once. */
export const freePort = (): Promise<number> => finder.find(0);
