import { render } from "preact";

import { loadCatalog } from "./jobs/catalog";
import { restore } from "./jobs/jobs";
import { App } from "./ui/app";
import { announceJobs } from "./ui/announcements";
import "./ui/style.css";

render(<App />, document.getElementById("app")!);
announceJobs();
void restore();
void loadCatalog();
