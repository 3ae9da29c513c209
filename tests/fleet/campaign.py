#!/usr/bin/env python3
"""Many runs over random seeds, several at a time, each judged by its history; prints a table. A run that has something
wrong keeps its history, and its seed is named. Ends with 0 when nothing is wrong in any; without fencing, where much should
be, when something is.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field

import checker
import history
import told
from faults import KINDS
from processes import Latentd
from specs import CATALOGUE, undisturbed

_HERE = pathlib.Path(__file__).parent
_AT_MOST = 900  # seconds that a run may take


@dataclass
class Verdict:
    seed: int
    problem: str = ""  # the run itself did not come to its end
    violations: list = field(default_factory=list)
    faults: collections.Counter = field(default_factory=collections.Counter)
    jobs: collections.Counter = field(default_factory=collections.Counter)

    @property
    def clean(self):
        return not self.problem and not self.violations


def judge(seed, path, problem):
    if problem:  # nothing follows from a history without an end
        return Verdict(seed, problem)
    entries = history.read(path)
    verdict = Verdict(seed, violations=checker.check(entries))
    verdict.faults.update(entry["fault"] for entry in entries if entry["kind"] == "fault")
    for job in told.jobs_of(entries).values():
        verdict.jobs.update(["acknowledged" if job.requests else "untold", job.end() or "not ended"] + ["moved"] * job.moved())
    verdict.jobs["tries"] = sum(entry["kind"] == "submit" for entry in entries)
    return verdict


def run(seed, folder, flags):
    """In a process of its own, which is ended with all that it started when it takes too long."""
    place = folder / f"seed-{seed}"
    place.mkdir()
    with open(place / "output", "w", encoding="utf-8") as output:
        process = subprocess.Popen([sys.executable, _HERE / "run_once.py", "--seed", str(seed), "--folder", place,
                                    "--undisturbed", folder / "undisturbed", *flags], stdout=output, stderr=output, start_new_session=True)
        problem = ""
        try:
            if process.wait(_AT_MOST) != 0:
                problem = (place / "output").read_text().strip().splitlines()[-1]
        except subprocess.TimeoutExpired:
            problem = f"not within {_AT_MOST} s"
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
    verdict = judge(seed, place / "history", problem)
    if verdict.clean:
        shutil.rmtree(place)
    return verdict


def make_undisturbed(path):
    with Latentd("--models", os.environ["LATENTD_GOLDEN_MODELS"]) as alone:
        path.write_text(json.dumps({name: undisturbed(alone.address, spec) for name, spec in CATALOGUE.items()}))


def table(verdicts):
    faults, jobs, wrong = collections.Counter(), collections.Counter(), collections.Counter()
    for verdict in verdicts:
        faults += verdict.faults
        jobs += verdict.jobs
        wrong.update({(each.rule, each.job, verdict.seed) for each in verdict.violations})
    rules = collections.Counter(rule for rule, _, _ in wrong)
    yield (f"runs       {len(verdicts)}: {sum(bool(verdict.violations) for verdict in verdicts)} with something wrong, "
           f"{sum(bool(verdict.problem) for verdict in verdicts)} that did not come to their end")
    yield f"faults     {sum(faults.values())}: " + ", ".join(f"{kind} {faults[kind]}" for kind in KINDS)
    yield (f"jobs       {jobs['acknowledged']} acknowledged and {jobs['untold']} not, in {jobs['tries']} tries: {jobs['completed']} completed, "
           f"{jobs['cancelled']} cancelled, {jobs['failed']} given up after three lost replicas; {jobs['moved']} moved")
    yield "wrong      " + ", ".join(f"{rule} {rules[rule]}" for rule in checker.RULES)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, help="of the first run; the next have the next ones (default: drawn)")
    parser.add_argument("--together", type=int, default=2 * os.cpu_count(), help="runs at a time: they mostly wait")
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="for histories; made anew")
    parser.add_argument("--no-fencing", action="store_true", help="take the checks of tokens out of the scripts: wrong runs are wanted")
    args = parser.parse_args()
    flags = ["--no-fencing"] if args.no_fencing else []
    first = random.SystemRandom().randrange(1_000_000) if args.seed is None else args.seed
    shutil.rmtree(args.folder, ignore_errors=True)
    args.folder.mkdir(parents=True)
    make_undisturbed(args.folder / "undisturbed")
    verdicts = []
    with concurrent.futures.ThreadPoolExecutor(args.together) as together:
        runs = [together.submit(run, first + number, args.folder, flags) for number in range(args.runs)]
        for done in concurrent.futures.as_completed(runs):
            verdict = done.result()
            verdicts.append(verdict)
            if not verdict.clean:
                print(f"seed {verdict.seed}: {verdict.problem or 'wrong'}; see {args.folder}/seed-{verdict.seed}", flush=True)
                for each in verdict.violations[:20]:
                    print(f"  {each.rule}: {each.job} {each.text}", flush=True)
    print(f"seeds      {first} to {first + args.runs - 1}")
    print("\n".join(table(verdicts)))
    if args.no_fencing:
        return 0 if any(verdict.violations for verdict in verdicts) else 1
    return 0 if all(verdict.clean for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
