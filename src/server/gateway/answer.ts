/** Questions and answers of the HTTP endpoints as plain values; the texts are those of Go's net/http, which users' probes compare. */

export interface HttpQuestion {
  readonly method: string;
  /** The path, percent-decoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const plainText = { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' };

/** Go's http.Error: the text and a newline, not to be sniffed. */
export function errorAnswer(status: number, text: string): HttpAnswer {
  return { status, headers: plainText, body: `${text}\n` };
}

export function textAnswer(body: string): HttpAnswer {
  return { status: 200, headers: plainText, body };
}

export const notFound: HttpAnswer = errorAnswer(404, '404 page not found');

/** For endpoints that serve only GET: HEAD is refused too, as etcd does. */
export const onlyGet: HttpAnswer = {
  status: 405,
  headers: { Allow: 'GET', ...plainText },
  body: 'Method Not Allowed\n',
};

/** An error of the JSON gateway: a gRPC code and a text. */
export function gatewayError(status: number, code: number, message: string): HttpAnswer {
  return { status, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ code, message }) };
}
