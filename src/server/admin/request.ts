/** Reads what comes over the admin socket, and the orders beside it. Every error is a sentence for whoever sent it. */
import {
  type AdminDiskRule,
  type AdminLinkRule,
  type AdminOrders,
  type AdminRequest,
  cutModes,
} from '../../base/admin-protocol.ts';
import { err, ok, type Result } from '../../base/result.ts';

type Fields = Readonly<Record<string, unknown>>;

/** One line. The id, where there is one, is for the answer that refuses it. */
export function parseAdminRequest(line: string): Result<AdminRequest, { readonly id: number; readonly error: string }> {
  const value = parseObject(line);
  if (value === null) return err({ id: 0, error: 'a request is a JSON object on one line' });
  const id = value['id'];
  if (typeof id !== 'number') return err({ id: 0, error: 'a request has a number for its id' });
  const request = requestOf(id, value);
  return request.ok ? request : err({ id, error: request.error });
}

function requestOf(id: number, value: Fields): Result<AdminRequest, string> {
  const { op } = value;
  switch (op) {
    case 'set-links': {
      const rules = linkRules(value['rules']);
      return rules.ok ? ok({ id, op, rules: rules.value }) : rules;
    }
    case 'set-disk': {
      const rule = diskRule(value['rule']);
      return rule.ok ? ok({ id, op, rule: rule.value }) : rule;
    }
    case 'status': {
      const everyMs = value['everyMs'] ?? 0;
      return isCount(everyMs) ? ok({ id, op, everyMs }) : err('everyMs is a number of milliseconds, or 0');
    }
    case 'move-leader': {
      const { to } = value;
      return typeof to === 'string' ? ok({ id, op, to }) : err('to is the id of a member');
    }
    case 'probe': {
      const { peers } = value;
      return isTexts(peers) ? ok({ id, op, peers }) : err('peers are ids of members');
    }
    default:
      return err(`unknown op ${String(op)}`);
  }
}

/** The file of orders that a member reads at its start. */
export function parseAdminOrders(text: string): Result<AdminOrders, string> {
  const value = parseObject(text);
  if (value === null) return err('orders are a JSON object');
  const links = linkRules(value['links']);
  if (!links.ok) return links;
  const disk = diskRule(value['disk']);
  return disk.ok ? ok({ links: links.value, disk: disk.value }) : disk;
}

function linkRules(value: unknown): Result<readonly AdminLinkRule[], string> {
  if (!Array.isArray(value)) return err('rules are a list');
  const rules: AdminLinkRule[] = [];
  for (const one of value) {
    const rule = linkRule(one);
    if (rule === null) return err(`no rule of a link: ${JSON.stringify(one)}`);
    rules.push(rule);
  }
  return ok(rules);
}

function linkRule(value: unknown): AdminLinkRule | null {
  if (!isObject(value)) return null;
  const { peer, direction, delayMs, jitterMs, loss, messages = null } = value;
  if (typeof peer !== 'string' || (direction !== 'in' && direction !== 'out')) return null;
  const cut = value['cut'] === null ? null : cutModes.find((mode) => mode === value['cut']);
  if (cut === undefined) return null;
  if (typeof delayMs !== 'number' || typeof jitterMs !== 'number' || typeof loss !== 'number') return null;
  if (messages !== null && !isTexts(messages)) return null;
  return { peer, direction, cut, delayMs, jitterMs, loss, messages };
}

function diskRule(value: unknown): Result<AdminDiskRule | null, string> {
  if (value === null || value === undefined) return ok(null);
  if (!isObject(value)) return err('a disk rule is an object, or null');
  const { syncDelayMs, syncError = null } = value;
  if (typeof syncDelayMs !== 'number') return err('syncDelayMs is a number');
  if (syncError !== null && typeof syncError !== 'string') return err('syncError is the name of an error, or null');
  return ok({ syncDelayMs, syncError });
}

function parseObject(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0;
}
