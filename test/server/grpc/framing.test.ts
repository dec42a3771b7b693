import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { declaredLength, MessageAssembler, prefixBytes, writePrefix } from '../../../src/server/grpc/framing.ts';

function framed(message: Uint8Array, flags = 0): Buffer {
  const bytes = Buffer.alloc(prefixBytes + message.length);
  writePrefix(bytes, 0, flags, message.length);
  bytes.set(message, prefixBytes);
  return bytes;
}

function takeAll(assembler: MessageAssembler, chunk: Buffer): { flags: number; message: string }[] {
  const messages: { flags: number; message: string }[] = [];
  assembler.pos = 0;
  for (;;) {
    const taken = assembler.take(chunk, chunk.length);
    if (taken.type !== 'message') return messages;
    messages.push({ flags: taken.flags, message: taken.message.toString('hex') });
  }
}

describe('the message assembler', () => {
  it('finds the same messages however they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.uint8Array({ maxLength: 50 }), fc.nat({ max: 1 })), { maxLength: 8 }),
        fc.array(fc.nat({ max: 400 }), { maxLength: 20 }),
        (list, cuts) => {
          const stream = Buffer.concat(list.map(([message, flags]) => framed(message, flags)));
          const assembler = new MessageAssembler(50);
          const found: { flags: number; message: string }[] = [];
          let from = 0;
          for (const cut of [...cuts.filter((cut) => cut < stream.length).sort((a, b) => a - b), stream.length]) {
            found.push(...takeAll(assembler, stream.subarray(from, cut)));
            from = cut;
          }
          expect(found).toEqual(
            list.map(([message, flags]) => ({ flags, message: Buffer.from(message).toString('hex') })),
          );
          expect(assembler.empty).toBe(true);
          expect(assembler.heldBytes).toBe(0);
        },
      ),
    );
  });

  it('takes a message of the largest size and refuses one byte more, on its prefix alone', () => {
    const assembler = new MessageAssembler(8);
    expect(takeAll(assembler, framed(Buffer.alloc(8)))).toHaveLength(1);
    assembler.pos = 0;
    expect(assembler.take(framed(Buffer.alloc(9)), prefixBytes)).toEqual({ type: 'tooLarge', length: 9 });
  });

  it('holds memory for what has come, not for what was promised', () => {
    const assembler = new MessageAssembler(1 << 30);
    const prefix = Buffer.alloc(prefixBytes + 10);
    writePrefix(prefix, 0, 0, 1 << 29);
    takeAll(assembler, prefix);
    expect(assembler.heldBytes).toBeLessThanOrEqual(4096);
  });

  it('reads lengths of 32 bits', () => {
    const prefix = Buffer.alloc(prefixBytes);
    writePrefix(prefix, 0, 1, 0xfedcba98);
    expect(declaredLength(prefix, 0)).toBe(0xfedcba98);
  });
});
