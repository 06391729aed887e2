export { varintLength, writeVarint } from './varint';
