// The second tab: the service at work.

import { useEffect } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { durationMs } from "@bufbuild/protobuf/wkt";

import { images } from "../api/clients";
import { persistently } from "../api/connection";
import type { Stats } from "../gen/latentd/v1/image_generation_pb";
import { type Sample, sampleOf } from "../jobs/stats";
import { Chart } from "./chart";
import { inWords } from "./time";

const INTERVAL_MS = 1000;
const KEPT = 120;

export function Service() {
  const stats = useSignal<Stats | undefined>(undefined);
  const samples = useSignal<Sample[]>([]);
  const error = useSignal("");

  useEffect(() => {
    let shown = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      try {
        const now = await persistently(() => images.getStats({}));
        if (!shown) return;
        samples.value = [...samples.value, sampleOf(now, stats.value)].slice(-KEPT);
        stats.value = now;
        error.value = "";
      } catch (failure) {
        error.value = String(failure);
      }
      // The service has no stream of these. A page that is not looked at does not ask.
      if (shown) timer = setTimeout(() => void whenVisible(look), INTERVAL_MS);
    };
    void look();
    return () => {
      shown = false;
      clearTimeout(timer);
    };
  }, [stats, samples, error]);

  const now = stats.value;
  if (!now) return <p class="card">{error.value || "Asking the service …"}</p>;
  const last = samples.value.at(-1)!;
  const series = (pick: (sample: Sample) => number) => samples.value.map(pick);
  return (
    <div class="service">
      <p class="card summary">
        latentd {now.version} on {now.device}, {now.dtype}; up for {inWords(now.uptime ? durationMs(now.uptime) : 0)};{" "}
        {String(now.images)} pictures, {String(now.forwards)} forwards{now.draining ? "; draining: it takes no new work" : ""}
      </p>
      <Chart title="Rows in a batch, each step" value={last.rowsPerStep.toFixed(1)} values={series((each) => each.rowsPerStep)} />
      <Chart title="Jobs in the queue" value={String(now.queuedJobs)} values={series((each) => each.queued)} />
      <Chart title="Pictures being made" value={String(now.runningRows)} values={series((each) => each.runningRows)} />
      <Chart
        title="Pictures a second, over a minute"
        value={now.imagesPerSecond.toFixed(2)}
        values={series((each) => each.imagesPerSecond)}
      />
      <Chart
        title="Evaluations a second, over a minute"
        value={now.evaluationsPerSecond.toFixed(1)}
        values={series((each) => each.evaluationsPerSecond)}
      />
      <Chart title="Lanes in a batch, over a minute" value={now.meanBatchLanes.toFixed(1)} values={series((each) => each.meanLanes)} />
    </div>
  );
}

async function whenVisible(look: () => Promise<void>): Promise<void> {
  if (document.visibilityState === "hidden") {
    await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
  }
  await look();
}
