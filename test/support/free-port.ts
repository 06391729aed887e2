import { PortFinder } from '../../dev/src';

const finder = new PortFinder();

/** A port of this machine that nothing listens on, and that is given to no second caller in this process. */
export const freePort = (): Promise<number> => finder.find(0);
