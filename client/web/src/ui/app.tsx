import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import icon from "../icon.svg";
import { LiveRegion } from "./announcements";
import { Banner } from "./banner";
import { Create } from "./create";
import { Service } from "./service";

const TABS = [
  { id: "create", label: "Create" },
  { id: "service", label: "Service" },
] as const;

// The tab is in the address, so that a reload stays.
const tabInAddress = () => (location.hash === "#service" ? "service" : "create");

export function App() {
  const tab = useSignal<(typeof TABS)[number]["id"]>(tabInAddress());
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const follow = () => (tab.value = tabInAddress());
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, [tab]);

  const select = (id: (typeof TABS)[number]["id"]) => {
    tab.value = id;
    history.replaceState(null, "", `#${id}`);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const other = TABS.find(({ id }) => id !== tab.value)!;
    select(other.id);
    list.current?.querySelector<HTMLElement>(`#tab-${other.id}`)?.focus();
  };

  return (
    <>
      <header>
        <h1>
          <img src={icon} alt="" width="28" height="28" />
          latentd
        </h1>
        <div role="tablist" aria-label="Views" ref={list} onKeyDown={onKeyDown}>
          {TABS.map(({ id, label }) => (
            <button
              key={id}
              id={`tab-${id}`}
              type="button"
              role="tab"
              aria-selected={tab.value === id}
              aria-controls={`panel-${id}`}
              tabIndex={tab.value === id ? 0 : -1}
              onClick={() => select(id)}
            >
              {label}
            </button>
          ))}
        </div>
      </header>
      <Banner />
      <main id={`panel-${tab.value}`} role="tabpanel" aria-labelledby={`tab-${tab.value}`}>
        {tab.value === "create" ? <Create /> : <Service />}
      </main>
      <footer>
        <a href="/licenses.md">Licences of what this page is built with</a>
      </footer>
      <LiveRegion />
    </>
  );
}
