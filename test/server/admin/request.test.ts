import { describe, expect, it } from 'vitest';
import { parseAdminOrders, parseAdminRequest } from '../../../src/server/admin/request.ts';

const rule = { peer: 'a', direction: 'in', cut: 'hold', delayMs: 0, jitterMs: 0, loss: 0, messages: null };

describe('requests over the admin socket', () => {
  it.each([
    { id: 1, op: 'status', everyMs: 100 },
    { id: 2, op: 'set-links', rules: [rule, { ...rule, cut: null, messages: ['MsgApp'] }] },
    { id: 3, op: 'set-disk', rule: { syncDelayMs: 5, syncError: 'EIO' } },
    { id: 4, op: 'set-disk', rule: null },
    { id: 5, op: 'move-leader', to: 'ab' },
    { id: 6, op: 'probe', peers: ['ab'] },
  ])('$op is understood', (request) => {
    expect(parseAdminRequest(JSON.stringify(request))).toEqual({ ok: true, value: request });
  });

  it('may leave out what has a default', () => {
    const { messages, ...short } = rule;
    const parsed = parseAdminRequest(JSON.stringify({ id: 1, op: 'set-links', rules: [short] }));
    expect(parsed).toEqual({ ok: true, value: { id: 1, op: 'set-links', rules: [{ ...short, messages }] } });
    expect(parseAdminRequest('{"id":1,"op":"status"}')).toEqual({
      ok: true,
      value: { id: 1, op: 'status', everyMs: 0 },
    });
  });

  it.each([
    ['', 0, 'a request is a JSON object on one line'],
    ['[]', 0, 'a request is a JSON object on one line'],
    ['{"op":"status"}', 0, 'a request has a number for its id'],
    ['{"id":7,"op":"fly"}', 7, 'unknown op fly'],
    ['{"id":7,"op":"status","everyMs":-1}', 7, 'everyMs is a number of milliseconds, or 0'],
    ['{"id":7,"op":"set-links","rules":{}}', 7, 'rules are a list'],
    ['{"id":7,"op":"set-links","rules":[{"peer":1}]}', 7, 'no rule of a link: {"peer":1}'],
    ['{"id":7,"op":"set-disk","rule":[]}', 7, 'a disk rule is an object, or null'],
    ['{"id":7,"op":"set-disk","rule":{"syncDelayMs":"1"}}', 7, 'syncDelayMs is a number'],
    ['{"id":7,"op":"move-leader"}', 7, 'to is the id of a member'],
    ['{"id":7,"op":"probe","peers":[1]}', 7, 'peers are ids of members'],
  ])('%s is refused', (line, id, error) => {
    expect(parseAdminRequest(line)).toEqual({ ok: false, error: { id, error } });
  });
});

describe('the orders that lie beside the socket', () => {
  it('are read whole, or not at all', () => {
    const orders = { links: [rule], disk: { syncDelayMs: 1, syncError: null } };
    expect(parseAdminOrders(JSON.stringify(orders))).toEqual({ ok: true, value: orders });
    expect(parseAdminOrders('{"links":[]}')).toEqual({ ok: true, value: { links: [], disk: null } });
    for (const text of ['', 'x', '{}', '{"links":[1]}', '{"links":[],"disk":1}']) {
      expect(parseAdminOrders(text).ok, text).toBe(false);
    }
  });
});
