// What is wrong with the connection, and what a person can do about it.

import { useEffect, useRef, useState } from "preact/hooks";

import { connection, retryNow } from "../api/connection";
import { describe } from "../api/errors";
import { apiKey, setApiKey } from "../api/key";
import { storeError, watchAgain, watchError } from "../jobs/jobs";

const CONSEQUENCES = {
  "edge-gone": "Running jobs go on there; what they make is fetched when it is back.",
  "server-gone": "What you have asked for is kept, and sent again.",
};

export function Banner() {
  const state = connection.value;
  return (
    <>
      {(state.kind === "waiting" || state.kind === "trying") && (
        <div class="banner" role="alert">
          <span>
            <strong>{describe(state.problem)}</strong>{" "}
            {state.problem.kind in CONSEQUENCES && CONSEQUENCES[state.problem.kind as keyof typeof CONSEQUENCES]}{" "}
            {state.kind === "waiting" ? <Countdown until={state.retryAt} /> : "Trying …"}
          </span>
          <button type="button" onClick={retryNow}>
            Try now
          </button>
        </div>
      )}
      {watchError.value && (
        <div class="banner" role="alert">
          <span>
            <strong>The server does not say how your jobs get on:</strong> {watchError.value}
          </span>
          <button type="button" onClick={watchAgain}>
            Ask again
          </button>
        </div>
      )}
      {storeError.value && (
        <div class="banner" role="alert">
          <span>
            <strong>This browser keeps nothing for the page:</strong> when it is closed, pictures and running jobs are gone from
            it. ({storeError.value})
          </span>
        </div>
      )}
      {state.kind === "needs-key" && <KeyQuestion message={state.message} />}
    </>
  );
}

// Not for screen readers, which would say every second of it.
function Countdown({ until }: { until: number }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(0, Math.ceil((until - now) / 1000));
  return <span aria-hidden="true">Next try in {seconds} s.</span>;
}

// The dialog opens by itself, and again from the banner.
function KeyQuestion({ message }: { message: string }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <>
      <div class="banner" role="alert">
        <strong>This server asks for a key.</strong>
        <button type="button" onClick={() => dialog.current?.showModal()}>
          Give one
        </button>
      </div>
      <dialog ref={dialog} aria-labelledby="key-title">
        <form
          method="dialog"
          onSubmit={() => {
            setApiKey(field.current!.value.trim());
            retryNow();
          }}
        >
          <h2 id="key-title">This server asks who you are</h2>
          <p>{message}</p>
          {apiKey.value !== "" && <p class="error">The key that you gave was not accepted.</p>}
          <div class="field">
            <label for="key">API key</label>
            <input id="key" ref={field} type="password" required autocomplete="off" spellcheck={false} />
            <small class="hint">Kept until this tab is closed.</small>
          </div>
          <button class="primary" type="submit">
            Use it
          </button>
        </form>
      </dialog>
    </>
  );
}
