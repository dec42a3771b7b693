/** Answers in the shape of Go's net/http. */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Go's http.Error: plain text and a newline. */
export function answerError(response: ServerResponse, status: number, text: string): void {
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  answer(response, status, `${text}\n`);
}

export function answer(response: ServerResponse, status: number, body: string): void {
  response.statusCode = status;
  response.setHeader('Content-Length', Buffer.byteLength(body));
  response.end(body);
}

export function answerNotFound(response: ServerResponse): void {
  answerError(response, 404, '404 page not found');
}

/** True if the request has the method; else it is answered with 405. */
export function allowMethod(request: IncomingMessage, response: ServerResponse, method: 'GET' | 'POST'): boolean {
  if (request.method === method) return true;
  response.setHeader('Allow', method);
  answerError(response, 405, 'Method Not Allowed');
  return false;
}

/** The header's value; empty if it is missing. */
export function headerOf(request: IncomingMessage, name: string): string {
  const value = request.headers[name];
  return typeof value === 'string' ? value : '';
}
