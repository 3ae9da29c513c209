// The caller's API key. It lives as long as the tab.

import { signal } from "@preact/signals";

const PLACE = "latentd.key";

export const apiKey = signal(sessionStorage.getItem(PLACE) ?? "");

export function setApiKey(key: string): void {
  if (key === "") sessionStorage.removeItem(PLACE);
  else sessionStorage.setItem(PLACE, key);
  apiKey.value = key;
}
