import { describe, expect, it } from 'vitest';
import type { CallContext } from '../../../../src/server/grpc/call.ts';
import { Metadata } from '../../../../src/server/grpc/metadata.ts';
import { Admission } from '../../../../src/server/grpc/services/admission.ts';
import { FakeMember } from '../../../support/fake-member.ts';

function callWith(...fields: readonly string[]): CallContext {
  return { metadata: new Metadata(fields), method: '', deadlineMs: null, cancelled: false, onCancel: () => {} };
}

describe('admission', () => {
  it('asks for a counter once per connection, not per call', () => {
    const asked: string[] = [];
    let counted = 0;
    const admission = new Admission(new FakeMember(), (type, version) => {
      asked.push(`${type} ${version}`);
      return { inc: () => counted++ };
    });
    const call = callWith('client-api-version', '3.6.5');
    for (let i = 0; i < 3; i++) expect(admission.refuse('unary', call, false)).toBeNull();
    expect(admission.refuse('unary', callWith(), false)).toBeNull();
    expect(asked).toEqual(['unary 3.6.5', 'unary unknown']);
    expect(counted).toBe(4);
  });

  it('refuses a client version that is no text', () => {
    const admission = new Admission(new FakeMember());
    expect(admission.refuse('unary', callWith('client-api-version', '\xff'), false)).toEqual({
      code: 3,
      message: 'etcdserver: invalid client api version',
    });
  });

  it('does not count what a learner refuses, as etcd does not', () => {
    const member = new FakeMember();
    member.learner = true;
    let counted = 0;
    const admission = new Admission(member, () => ({ inc: () => counted++ }));
    expect(admission.refuse('unary', callWith(), false)).toMatchObject({ code: 9 });
    expect(admission.refuse('unary', callWith(), true)).toBeNull();
    expect(counted).toBe(1);
  });
});
