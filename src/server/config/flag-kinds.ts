/** The kinds of flag that etcd has beyond Go's own: lists, URLs, origins, feature gates. */
import type { Flag } from '../../base/go-flags.ts';
import { parseGoUint } from '../../base/go-number.ts';
import { goQuote } from '../../base/go-quote.ts';
import { err, ok } from '../../base/result.ts';
import type { SetGates } from './feature-gates.ts';
import { parseGates } from './feature-gates.ts';
import type { EtcdUrl } from './urls.ts';
import { parseUrls } from './urls.ts';

/** Comma-separated URLs, sorted and unique. The empty text keeps what was there, as in etcd. */
export function urlsFlag(initial?: string): Flag<readonly EtcdUrl[]> {
  const urls = initial === undefined ? ok([]) : parseUrls(initial);
  return {
    default: urls.ok ? urls.value : [],
    standsAlone: false,
    parse: (text, previous) => (text === '' ? ok(previous) : parseUrls(text)),
  };
}

/** Origins for CORS: URLs, or "*" for all. */
export function corsFlag(): Flag<readonly string[]> {
  return {
    default: ['*'],
    standsAlone: false,
    parse(text, previous) {
      if (text === '*' || previous.includes(text)) return ok([...new Set([...previous, text])].sort());
      const urls = parseUrls(text);
      return urls.ok ? ok(urls.value.map((url) => url.text)) : urls;
    },
  };
}

/** Comma-separated words in the order given. */
export function stringsFlag(): Flag<readonly string[]> {
  return { default: [], standsAlone: false, parse: (text) => ok(text.split(',')) };
}

/** Comma-separated words, sorted and unique. */
export function uniqueStringsFlag(initial?: string): Flag<readonly string[]> {
  return {
    default: initial === undefined ? [] : [initial],
    standsAlone: false,
    parse: (text) => ok([...new Set(text.split(','))].sort()),
  };
}

export function uint32Flag(initial: number): Flag<number> {
  return {
    default: initial,
    standsAlone: false,
    parse(text) {
      const value = parseGoUint(text, 32);
      if (value.ok) return ok(Number(value.value));
      const reason = value.error === 'range' ? 'value out of range' : 'invalid syntax';
      return err(`strconv.ParseUint: parsing ${goQuote(text)}: ${reason}`);
    },
  };
}

export function featureGatesFlag(): Flag<SetGates> {
  return { default: new Map(), standsAlone: false, parse: parseGates };
}

const v2Stages: readonly string[] = ['write-only', 'write-only-drop-data', 'gone'];

/** Checked as etcd checks it; the value never matters, since 3.6 enforces its own. */
export function v2DeprecationFlag(): Flag<readonly string[]> {
  return {
    default: [],
    standsAlone: false,
    parse(text, previous) {
      const stages = text.split(',');
      const unknown = stages.find((stage) => !v2Stages.includes(stage));
      return unknown === undefined ? ok([...previous, ...stages].sort()) : err(`invalid value ${goQuote(unknown)}`);
    },
  };
}
