export { type ErrorCode } from './error-codes';
export { OrderstreamError, isRetriable, type ErrorOptions } from './orderstream-error';
