import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16 } from "../../../src/engine/policy/bfloat16.ts";
import { SafetensorsFile, writeSafetensors } from "../../../src/engine/policy/safetensors.ts";
import { UserError } from "../../../src/protocol/errors.ts";

const dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-safetensors-"));
after(() => fs.rmSync(dir, { recursive: true, force: true }));
const file = (name: string): string => path.join(dir, name);

test("what is written in float32 is read bit by bit, whatever the names, shapes and metadata", async () => {
  const tensor = fc.record({
    name: fc.string({ minLength: 1 }),
    data: fc.float32Array({ noNaN: true, maxLength: 12 }),
  });
  const tensors = fc.uniqueArray(tensor, { selector: (t) => t.name, maxLength: 4 });
  const metadataOf = fc.dictionary(
    fc.string().filter((key) => key !== "__proto__"),
    fc.string(),
  );
  await fc.assert(
    fc.asyncProperty(tensors, metadataOf, async (all, metadata) => {
      const named = all
        .filter(({ name }) => name !== "__metadata__" && name !== "__proto__")
        .map(({ name, data }) => ({ name, shape: [1, data.length], data }));
      await writeSafetensors(file("round.safetensors"), named, "float32", metadata);
      const read = await SafetensorsFile.open(file("round.safetensors"));
      try {
        assert.deepEqual([...read.names].sort(), named.map((t) => t.name).sort());
        for (const { name, shape, data } of named) {
          assert.deepEqual(read.shapeOf(name), shape);
          assert.deepEqual(await read.read(name), Float32Array.from(data));
        }
        for (const [key, value] of Object.entries(metadata)) assert.equal(read.metadata[key], value);
      } finally {
        await read.close();
      }
    }),
    { numRuns: 30 },
  );
});

test("bfloat16 rounds to the nearest, ties to even, and comes back as it was stored", async () => {
  const data = Float32Array.of(1, -2.5, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -9, 3.4e38, Infinity, 0);
  await writeSafetensors(file("half.safetensors"), [{ name: "x", shape: [8], data }], "bfloat16");
  assert.deepEqual(await readTensor("half.safetensors", "x"), [
    1,
    -2.5,
    1, // a tie goes to the even one below
    1 + 2 ** -6, // and to the even one above
    1,
    Infinity, // rounded beyond the largest
    Infinity,
    0,
  ]);
  const everyPattern = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const widened = new Float32Array(everyPattern.length);
  bfloat16ToFloat32(everyPattern, widened);
  const back = float32ToBfloat16(widened);
  const isNaNPattern = (bits: number): boolean => (bits & 0x7fff) > 0x7f80;
  assert.ok(back.every((bits, i) => (isNaNPattern(i) ? isNaNPattern(bits) : bits === i)));
});

test("float16 is read: normal, subnormal, infinite, not a number", async () => {
  const bits = [0x3c00, 0xc100, 0x7bff, 0x0400, 0x0001, 0x8001, 0x7c00, 0xfc00, 0x0000];
  const values = [1, -2.5, 65504, 2 ** -14, 2 ** -24, -(2 ** -24), Infinity, -Infinity, 0];
  const found = new Float32Array(bits.length + 1);
  float16ToFloat32(Uint16Array.from([...bits, 0x7e00]), found);
  assert.deepEqual([...found.subarray(0, -1)], values);
  assert.ok(Number.isNaN(found.at(-1)));
  const header = { x: { dtype: "F16", shape: [9], data_offsets: [0, 18] } };
  writeRaw("f16.safetensors", JSON.stringify(header), new Uint8Array(Uint16Array.from(bits).buffer));
  assert.deepEqual(await readTensor("f16.safetensors", "x"), values);
});

test("the file is laid out as the reference implementation does: data from a multiple of 8 on, without gaps", async () => {
  const tensors = [
    { name: "a", shape: [3], data: Float32Array.of(1, 2, 3) },
    { name: "scalar", shape: [], data: Float32Array.of(4) },
    { name: "none", shape: [0, 2], data: new Float32Array(0) },
  ];
  await writeSafetensors(file("layout.safetensors"), tensors, "float32");
  const bytes = fs.readFileSync(file("layout.safetensors"));
  const headerBytes = Number(bytes.readBigUInt64LE());
  assert.equal(headerBytes % 8, 0);
  assert.equal(bytes.length, 8 + headerBytes + 16);
  assert.deepEqual(JSON.parse(bytes.subarray(8, 8 + headerBytes).toString()), {
    __metadata__: { format: "pt" },
    a: { dtype: "F32", shape: [3], data_offsets: [0, 12] },
    scalar: { dtype: "F32", shape: [], data_offsets: [12, 16] },
    none: { dtype: "F32", shape: [0, 2], data_offsets: [16, 16] },
  });
});

const entry = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
const broken: readonly { name: string; header: string; data?: Uint8Array; says: RegExp }[] = [
  { name: "header is not JSON", header: "{x", says: /has no readable header/ },
  { name: "header is null", header: "null", says: /has no readable header/ },
  { name: "header is a list", header: "[1]", says: /has no readable header/ },
  { name: "entry without shape", header: JSON.stringify({ x: { dtype: "F32" } }), says: /unreadable entry for x/ },
  {
    name: "64-bit floats",
    header: JSON.stringify({ x: { ...entry, dtype: "F64" } }),
    says: /holds x as F64; expected/,
  },
  { name: "shape against bytes", header: JSON.stringify({ x: { ...entry, shape: [3] } }), says: /cut short at x/ },
  {
    name: "offsets backwards",
    header: JSON.stringify({ x: { ...entry, data_offsets: [8, 0] } }),
    says: /cut short at x/,
  },
  { name: "data missing", header: JSON.stringify({ x: entry }), data: new Uint8Array(4), says: /cut short at x/ },
];
for (const { name, header, data = new Uint8Array(8), says } of broken) {
  test(`a broken file is told by its path: ${name}`, async () => {
    writeRaw("broken.safetensors", header, data);
    await assert.rejects(SafetensorsFile.open(file("broken.safetensors")), isBadCheckpoint(says));
  });
}

test("a broken file is told by its path: missing, empty, cut within its header, absurd header length", async () => {
  await assert.rejects(SafetensorsFile.open(file("absent.safetensors")), (error) =>
    isBadCheckpoint(/cannot be opened/, "absent")(error),
  );
  fs.writeFileSync(file("broken.safetensors"), "");
  await assert.rejects(SafetensorsFile.open(file("broken.safetensors")), isBadCheckpoint(/has 0 bytes/));
  for (const length of [100n, 2n ** 40n, 2n ** 64n - 1n]) {
    const prefix = Buffer.alloc(12);
    prefix.writeBigUInt64LE(length);
    fs.writeFileSync(file("broken.safetensors"), prefix);
    await assert.rejects(SafetensorsFile.open(file("broken.safetensors")), isBadCheckpoint(/no readable header/));
  }
});

function isBadCheckpoint(says: RegExp, name = "broken"): (error: unknown) => true {
  return (error) => {
    assert.ok(UserError.is(error, "bad-checkpoint"), String(error));
    assert.equal(error.where, file(`${name}.safetensors`));
    assert.match(error.message, says);
    return true;
  };
}

function writeRaw(name: string, header: string, data: Uint8Array): void {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
  fs.writeFileSync(file(name), Buffer.concat([length, Buffer.from(header), data]));
}

async function readTensor(name: string, tensor: string): Promise<number[]> {
  const opened = await SafetensorsFile.open(file(name));
  try {
    return [...(await opened.read(tensor))];
  } finally {
    await opened.close();
  }
}

test("a tensor of halves that is larger than the buffer is read whole, part by part", async () => {
  const count = 2 ** 22 + 3;
  const data = Float32Array.from({ length: count }, (_, i) => i % 251);
  const file = path.join(dir, "large.safetensors");
  await writeSafetensors(file, [{ name: "x", shape: [count], data }], "bfloat16");
  const opened = await SafetensorsFile.open(file);
  const read = await opened.read("x");
  await opened.close();
  assert.ok(read.length === count && read.every((x, i) => x === data[i]));
});
