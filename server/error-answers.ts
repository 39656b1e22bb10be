import type { FastifyError, FastifyInstance } from 'fastify';
import type { Logger } from '../telemetry/logger.ts';

/** Every answer that is an error: `{ error, message }`, `error` being one of a few codes. What broke inside is logged, not told. */
export function answerErrors(app: FastifyInstance, logger: Logger): void {
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error: 'not_found', message: 'there is nothing here: see /docs' }),
  );
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) {
      logger.error({ err: error.message, route: request.routeOptions.url }, 'a request failed');
      return reply.code(status).send({ error: 'internal', message: 'this is our fault: see the log' });
    }
    return reply.code(status).send({ error: codes[error.code] ?? `http_${status}`, message: messageOf(error) });
  });
}

const codes: Readonly<Record<string, string>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'not_json',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'bad_json',
  FST_ERR_CTP_INVALID_JSON_BODY: 'bad_json',
};

function messageOf(error: FastifyError): string {
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return 'send JSON: Content-Type: application/json';
  if (error.code === 'FST_ERR_CTP_INVALID_JSON_BODY') return 'the body is not JSON';
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return 'the body is larger than server.bodyBytesMax: send less at once';
  if (error.statusCode === 429) return 'too many requests from this address: see Retry-After';
  return error.message;
}
