import assert from "node:assert/strict";
import { test } from "node:test";
import { sliceHeaders } from "../../../src/engine/video/sliceHeaders.ts";

/** Units of two bytes after lengths of four, as avcC and hvcC promise them below. */
function packet(...headers: readonly number[]): Uint8Array {
  return new Uint8Array(headers.flatMap((header) => [0, 0, 0, 2, header, 1]));
}

test("H.264: nal_ref_idc of every slice, and the type of an IDR", () => {
  const headers = sliceHeaders("avc", new Uint8Array([1, 77, 0, 30, 0xff])) ?? assert.fail("no reader");
  const [sei, plain, reference, idr] = [0x06, 0x01, 0x61, 0x65] as const;
  assert.equal(headers.isDiscardable(packet(sei, plain, plain)), true);
  assert.equal(headers.isDiscardable(packet(plain, reference)), false, "a second field that others refer to");
  assert.equal(headers.isDiscardable(packet(sei)), false, "no slice at all");
  assert.deepEqual([headers.isRestart(packet(sei, idr)), headers.isRestart(packet(reference))], [true, false]);
});

test("H.265: a picture that serves none in its temporal layer may serve a higher one", () => {
  const of = (layers: number): Uint8Array => new Uint8Array(23).fill((layers << 3) | 3, 21, 22);
  const [trailN, trailR, raslN, cra, idr] = [0, 1, 8, 21, 19].map((type) => packet(type << 1));
  const one = sliceHeaders("hevc", of(1)) ?? assert.fail("no reader");
  const discardable = [trailN, trailR, raslN, cra, idr].map((some) => one.isDiscardable(some ?? packet()));
  assert.deepEqual(discardable, [true, false, true, false, false]);
  assert.deepEqual([one.isRestart(idr ?? packet()), one.isRestart(cra ?? packet())], [true, false]);
  // 0: the box does not say.
  for (const layers of [0, 2, 3]) {
    assert.equal(sliceHeaders("hevc", of(layers))?.isDiscardable(trailN ?? packet()), false, `${layers} layers`);
  }
});

test("other codecs, and tracks that do not say how their units are stored, have no reader", () => {
  assert.equal(sliceHeaders("vp9", new Uint8Array(23)), null);
  assert.equal(sliceHeaders("avc", undefined), null);
});
