// Whether the service can be reached, and when it is tried again. All calls that may be repeated go through here: one outage,
// or one question for a key, is one wait for all of them, whoever found it; for other reasons each waits alone.

import { computed, signal } from "@preact/signals";

import { backoffMs } from "./backoff";
import { type Problem, problemOf, temporary } from "./errors";

export type ConnectionState =
  | { kind: "ok" }
  | { kind: "waiting"; problem: Problem; retryAt: number }
  | { kind: "trying"; problem: Problem }
  | { kind: "needs-key"; message: string };

// Of one that waits for its next try; without `wake` it is at it.
interface Wait {
  problem: Problem;
  retryAt: number; // Infinity: when it is woken
  wake?: () => void;
}

const waits = signal<ReadonlyMap<Tries, Wait>>(new Map());
// Of the service, one after the other.
let failures = 0;

const isOutage = (problem: Problem): boolean => problem.kind === "edge-gone" || problem.kind === "server-gone";

function wakeAll(which: (problem: Problem) => boolean): void {
  for (const wait of waits.value.values()) if (which(wait.problem)) wait.wake?.();
}

// Of all waits the one that concerns most calls, and of such the next.
export const connection = computed<ConnectionState>(() => {
  const rank = ({ problem, wake }: Wait) => (problem.kind === "needs-key" ? 0 : isOutage(problem) ? 2 : 4) + (wake ? 0 : 1);
  const [worst] = [...waits.value.values()].sort((a, b) => rank(a) - rank(b) || a.retryAt - b.retryAt);
  if (!worst) return { kind: "ok" };
  const { problem, retryAt, wake } = worst;
  if (!wake) return { kind: "trying", problem };
  return problem.kind === "needs-key" ? { kind: "needs-key", message: problem.message } : { kind: "waiting", problem, retryAt };
});

// A call has been answered, so that there is no outage; those that wait for room or a key go on waiting.
export function reached(): void {
  failures = 0;
  if (waits.value.size === 0) return;
  wakeAll(isOutage);
  const goesOn = ({ problem, wake }: Wait) => (problem.kind === "needs-key" ? wake !== undefined : !isOutage(problem));
  waits.value = new Map([...waits.value].filter(([, wait]) => goesOn(wait)));
}

export function retryNow(): void {
  wakeAll(() => true);
}

// The tries of one call, or of one stream.
export class Tries {
  private failures = 0;

  // Resolves when it is time for the next one. `retryNow`, and in an outage the network's return, a look at the page and
  // an answer to anybody, make it shorter.
  wait(problem: Problem, signal?: AbortSignal): Promise<void> {
    const retryAt = this.nextTry(problem);
    return new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", wake);
        this.set({ problem, retryAt });
        resolve();
      };
      const timer = retryAt === Infinity ? undefined : setTimeout(wake, retryAt - Date.now());
      signal?.addEventListener("abort", wake);
      this.set({ problem, retryAt, wake });
    });
  }

  // It is answered, or given up.
  end(): void {
    this.failures = 0;
    if (waits.value.has(this)) this.set(undefined);
  }

  private nextTry(problem: Problem): number {
    if (problem.kind === "needs-key") return Infinity;
    if (isOutage(problem)) {
      const shared = [...waits.value.values()].find((each) => isOutage(each.problem) && each.wake);
      return shared?.retryAt ?? Date.now() + backoffMs(failures++);
    }
    const asked = problem.kind === "busy" ? (problem.retryMs ?? 0) : 0;
    return Date.now() + Math.max(asked, backoffMs(this.failures++));
  }

  private set(wait: Wait | undefined): void {
    const changed = new Map(waits.peek());
    if (wait) changed.set(this, wait);
    else changed.delete(this);
    waits.value = changed;
  }
}

addEventListener("online", () => wakeAll(isOutage));
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") wakeAll(isOutage);
});

// The answer of a call that may be repeated, however long the service is away. Throws what waiting does not mend, and when
// `signal` is aborted before the next try.
export async function persistently<T>(call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const tries = new Tries();
  try {
    for (;;) {
      signal?.throwIfAborted();
      try {
        const answer = await call();
        reached();
        return answer;
      } catch (error) {
        signal?.throwIfAborted();
        const problem = problemOf(error);
        if (!temporary(problem) && problem.kind !== "needs-key") {
          reached();
          throw error;
        }
        await tries.wait(problem, signal);
      }
    }
  } finally {
    tries.end();
  }
}
