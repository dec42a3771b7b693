import { describe, expect, test } from 'vitest';
import { advertiseProblem, bindProblem, parseUrl, parseUrls, socketTarget } from '../../../src/server/config/urls.ts';

function url(text: string) {
  const parsed = parseUrl(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

describe('URLs of members', () => {
  test.each([
    ['http://127.0.0.1:2379', 'http', '127.0.0.1', 2379, '127.0.0.1:2379'],
    ['HTTPS://LocalHost:1', 'https', 'LocalHost', 1, 'LocalHost:1'],
    ['http://[::1]:2379', 'http', '::1', 2379, '[::1]:2379'],
    ['http://:2379', 'http', '', 2379, ':2379'],
    ['http://a:', 'http', 'a', 0, 'a:'],
    ['unix://localhost:20000', 'unix', 'localhost', 20000, 'localhost:20000'],
    ['unixs://etcd.unix:1', 'unixs', 'etcd.unix', 1, 'etcd.unix:1'],
    ['unix:///tmp/x.sock', 'unix', '', 0, '/tmp/x.sock'],
  ])('%s', (text, scheme, host, port, address) => {
    expect(url(text)).toEqual({ scheme, host, port, address, text: text.replace('HTTPS', 'https') });
  });

  test.each([
    ['foo', 'URL scheme must be http, https, unix, or unixs: foo'],
    ['', 'URL scheme must be http, https, unix, or unixs: '],
    ['localhost:2379', 'URL scheme must be http, https, unix, or unixs: localhost:2379'],
    ['ftp://127.0.0.1:1', 'URL scheme must be http, https, unix, or unixs: ftp://127.0.0.1:1'],
    ['http://localhost', 'URL address does not have the form "host:port": http://localhost'],
    ['http://::1:2379', 'URL address does not have the form "host:port": http://::1:2379'],
    ['http:127.0.0.1:2379', 'URL address does not have the form "host:port": http:127.0.0.1:2379'],
    ['http://127.0.0.1:1/x', 'URL must not contain a path: http://127.0.0.1:1/x'],
    ['http://127.0.0.1:1/', 'URL must not contain a path: http://127.0.0.1:1/'],
    ['127.0.0.1:2379', 'parse "127.0.0.1:2379": first path segment in URL cannot contain colon'],
    [':2379', 'parse ":2379": missing protocol scheme'],
    ['http://127.0.0.1:abc', 'parse "http://127.0.0.1:abc": invalid port ":abc" after host'],
    ['http://[::1:2379', `parse "http://[::1:2379": missing ']' in host`],
    ['http://a b:1', 'parse "http://a b:1": invalid character " " in host name'],
    ['http://a\n:1', String.raw`parse "http://a\n:1": net/url: invalid control character in URL`],
  ])('refuses %j', (text, error) => {
    expect(parseUrl(text)).toEqual({ ok: false, error });
  });

  test('lists are sorted, trimmed and free of duplicates', () => {
    const urls = parseUrls('http://b:1, http://a:1,http://b:1');
    expect(urls.ok && urls.value.map((one) => one.text)).toEqual(['http://a:1', 'http://b:1']);
  });

  test('only addresses and localhost can be listened on', () => {
    expect(bindProblem([url('http://localhost:1'), url('http://[::]:1'), url('unix://x:1')])).toBe(null);
    expect(bindProblem([url('http://example.com:1')])).toBe('expected IP in URL for binding (http://example.com:1)');
    expect(bindProblem([url('http://:1')])).toBe('expected IP in URL for binding (http://:1)');
  });

  test('advertised URLs need host and port', () => {
    expect(advertiseProblem([url('http://example.com:1'), url('unix://x:1')])).toBe(null);
    expect(advertiseProblem([url('http://:1')])).toBe('unexpected empty host (http://:1)');
    expect(advertiseProblem([url('unix://foo')])).toBe('address foo: missing port in address');
  });

  test('a socket file is named by the URL, relative to the working directory', () => {
    expect(socketTarget(url('unix://localhost:20000'))).toEqual({ path: 'localhost:20000' });
    expect(socketTarget(url('http://[::1]:5'))).toEqual({ host: '::1', port: 5 });
  });
});
