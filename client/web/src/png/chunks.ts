// The texts that a PNG file carries (PNG specification, 11.3.3: tEXt, zTXt, iTXt).

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
// Parameters are a few kilobytes; what unpacks to more is not ours.
const MAX_TEXT_BYTES = 1 << 20;

const latin1 = new TextDecoder("latin1");
const utf8 = new TextDecoder();

async function inflate(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = new Blob([data]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > MAX_TEXT_BYTES) {
      await reader.cancel();
      throw new Error("the text is too long");
    }
    parts.push(value);
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

// Splits `data` after its first zero byte.
function cut(data: Uint8Array<ArrayBuffer>): [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>] {
  const end = data.indexOf(0);
  if (end < 0) throw new Error("a text chunk has no keyword");
  return [data.subarray(0, end), data.subarray(end + 1)];
}

async function textOf(type: string, data: Uint8Array<ArrayBuffer>): Promise<[string, string]> {
  const [keyword, rest] = cut(data);
  const name = latin1.decode(keyword);
  if (type === "tEXt") return [name, latin1.decode(rest)];
  if (type === "zTXt") return [name, latin1.decode(await inflate(rest.subarray(1)))];
  const compressed = rest[0] === 1;
  const [, afterLanguage] = cut(rest.subarray(2));
  const [, text] = cut(afterLanguage);
  return [name, utf8.decode(compressed ? await inflate(text) : text)];
}

// Keyword → text; of a keyword that is there twice, the first. Empty for what is no PNG; what is damaged is left out.
export async function pngTexts(file: Uint8Array<ArrayBuffer>): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  if (SIGNATURE.some((byte, i) => file[i] !== byte)) return texts;
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  let at = SIGNATURE.length;
  while (at + 12 <= file.length) {
    const length = view.getUint32(at);
    const type = latin1.decode(file.subarray(at + 4, at + 8));
    const end = at + 8 + length;
    if (end + 4 > file.length || type === "IEND") break;
    if (type === "tEXt" || type === "zTXt" || type === "iTXt") {
      try {
        const [name, text] = await textOf(type, file.subarray(at + 8, end));
        if (!texts.has(name)) texts.set(name, text);
      } catch {
        // Damaged: the others may still be read.
      }
    }
    at = end + 4;
  }
  return texts;
}
