// Starts and ends what the tests run: latentd, and Envoy with the page before it.

import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const PATIENCE_MS = 60_000;

function fromEnvironment(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run tests/web/run.sh`);
  return value;
}

// An address where nobody listens, for what is to come back at the same place.
async function unusedAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return `127.0.0.1:${port}`;
}

class Program {
  log = "";
  private constructor(
    private readonly child: ChildProcess,
    private readonly exited: Promise<void>,
  ) {}

  // Resolves once `ready` says so, which is asked whenever the program has written something, and now and then.
  static async start(command: string, args: string[], ready: (log: string) => boolean | Promise<boolean>): Promise<Program> {
    const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
    let over = false;
    const exited = new Promise<void>((resolve) =>
      child.on("exit", () => {
        over = true;
        resolve();
      }),
    );
    const program = new Program(child, exited);
    child.stderr!.on("data", (data: Buffer) => (program.log += data.toString()));
    const end = Date.now() + PATIENCE_MS;
    while (!(await ready(program.log))) {
      if (over || Date.now() > end) throw new Error(`${command} is not ready:\n${program.log}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return program;
  }

  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.child.kill(signal);
    await this.exited;
  }
}

export interface ServiceOptions {
  arguments?: string[];
}

// latentd and the edge, each at an address of its own that stays when it is started anew.
export class Service {
  private latentd: Program | undefined;
  private edge: Program | undefined;
  private constructor(
    private readonly latentdAddress: string,
    readonly edgeAddress: string,
    private readonly options: ServiceOptions,
  ) {}

  static async start(options: ServiceOptions = {}): Promise<Service> {
    const service = new Service(await unusedAddress(), await unusedAddress(), options);
    await service.startLatentd();
    await service.startEdge();
    return service;
  }

  get url(): string {
    return `http://${this.edgeAddress}/`;
  }

  async startLatentd(): Promise<void> {
    // What tests leave behind is not waited for.
    const args = ["--listen", this.latentdAddress, "--metrics-listen", "127.0.0.1:0", "--threads", "1", "--drain-timeout", "100ms"];
    this.latentd = await Program.start(fromEnvironment("LATENTD_BINARY"), [...args, ...(this.options.arguments ?? [])], (log) =>
      log.includes('"message":"ready"'),
    );
  }

  async startEdge(): Promise<void> {
    const args = ["--listen", this.edgeAddress, "--backend", this.latentdAddress, "--page", fromEnvironment("LATENTD_PAGE")];
    this.edge = await Program.start(`${ROOT}deploy/edge.sh`, args, () => this.healthy());
  }

  private async healthy(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}healthz`)).ok;
    } catch {
      return false;
    }
  }

  async killLatentd(): Promise<void> {
    await this.latentd?.end("SIGKILL");
    this.latentd = undefined;
  }

  async killEdge(): Promise<void> {
    await this.edge?.end("SIGKILL");
    this.edge = undefined;
  }

  // The API as JSON, beside the page.
  async get(path: string): Promise<any> {
    return (await fetch(`${this.url}latentd/v1/${path}`)).json();
  }

  // The jobs with this prompt, newest first.
  async jobsOf(prompt: string): Promise<any[]> {
    const { jobs = [] } = await this.get("jobs?pageSize=1000");
    return jobs.filter((job: any) => job.spec.prompt === prompt);
  }

  async stop(): Promise<void> {
    await this.edge?.end("SIGTERM");
    await this.latentd?.end("SIGTERM");
  }
}
