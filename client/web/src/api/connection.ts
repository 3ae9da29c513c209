// Whether the service can be reached, and when it is tried again. All calls that may be repeated go through here, so that
// one outage is one wait, whoever found it.

import { signal } from "@preact/signals";

import { backoffMs } from "./backoff";
import { type Problem, problemOf, temporary } from "./errors";

export type ConnectionState =
  | { kind: "ok" }
  | { kind: "waiting"; problem: Problem; retryAt: number }
  | { kind: "trying"; problem: Problem }
  | { kind: "needs-key"; message: string };

export const connection = signal<ConnectionState>({ kind: "ok" });

let failures = 0;
let pause: Promise<void> | undefined;
let wake: () => void = () => {};

// A call has been answered, so that there is no outage; those that wait for room or a key go on waiting.
export function reached(): void {
  const state = connection.value;
  if (state.kind === "needs-key" || (state.kind === "waiting" && state.problem.kind === "busy")) return;
  failures = 0;
  wake();
  connection.value = { kind: "ok" };
}

export function retryNow(): void {
  wake();
}

// Resolves when it is time for the next try. The network's return, a look at the page and `retryNow` make it shorter.
export function waitFor(problem: Problem): Promise<void> {
  return (pause ??= new Promise<void>((resolve) => {
    const asked = problem.kind === "busy" ? (problem.retryMs ?? 0) : 0;
    const delay = Math.max(asked, backoffMs(failures++));
    const timer = problem.kind === "needs-key" ? undefined : setTimeout(() => wake(), delay);
    connection.value =
      problem.kind === "needs-key"
        ? { kind: "needs-key", message: problem.message }
        : { kind: "waiting", problem, retryAt: Date.now() + delay };
    wake = () => {
      clearTimeout(timer);
      pause = undefined;
      wake = () => {};
      connection.value = { kind: "trying", problem };
      resolve();
    };
  }));
}

addEventListener("online", () => {
  if (connection.value.kind === "waiting") retryNow();
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && connection.value.kind === "waiting") retryNow();
});
// The answer of a call that may be repeated, however long the service is away. Throws what waiting does not mend.
export async function persistently<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      const answer = await call();
      reached();
      return answer;
    } catch (error) {
      const problem = problemOf(error);
      if (!temporary(problem) && problem.kind !== "needs-key") {
        reached();
        throw error;
      }
      await waitFor(problem);
    }
  }
}
