// How long to wait before the next try: twice as long each time, up to half a minute, and never in step with others.

const FIRST_MS = 500;
const LONGEST_MS = 30_000;

export function backoffMs(failures: number, random: number = Math.random()): number {
  const most = Math.min(LONGEST_MS, FIRST_MS * 2 ** failures);
  return most * (0.5 + random / 2);
}
