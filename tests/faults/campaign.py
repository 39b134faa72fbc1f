"""Many kills, seeded: from the first second on, and in the life of a micro-batch; then a table of what came of them.

Run: make test-faults ROUNDS=300 SEED=1. It takes hours, and may be interrupted: RESUME=1 goes on after the last chain.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.faults import batches
from tests.faults.moments import CASES
from tests.faults.starts import Chain, Journal, Starts

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PARTS = {"starts": 0.4, "batches": 0.6}
"""The share of the kills that each part has: one from the first second on takes as long as four in a batch."""

FOLDER = Path(".campaign")

_TITLES = ("command", "kills", "windows hit", "different ones", "lost", "doubled", "otherwise wrong", "not restarted")
_TITLES += ("recovery, median", "worst")


def kills(chains: Sequence[Chain]) -> int:
    """How many kills the chains have."""
    return sum(len(chain.kills) for chain in chains)


def run_starts(
    folder: Path,
    seed: int,
    rounds: int,
    done: Sequence[Chain],
    cases: Sequence[str],
    spark: SparkSession | None = None,
) -> Iterator[Chain]:
    """The chains that kill from the first second on, after those that are done."""
    number, left = max((chain.number for chain in done), default=-1) + 1, rounds - kills(done)
    starts = Starts(folder, seed, cases, spark=spark)
    try:
        while left > 0:
            chain = starts.chain(number)
            yield chain
            number, left = number + 1, left - len(chain.kills)
    finally:
        starts.close()


def table(chains: Sequence[Chain]) -> str:
    """What came of them, as a Markdown table."""
    by_case: defaultdict[str, list[Chain]] = defaultdict(list)
    for chain in chains:
        by_case[chain.case].append(chain)
    lines = [
        f"| {' | '.join(_TITLES)} |",
        f"|{'---|' * len(_TITLES)}",
    ]
    lines += [_line(name, by_case[name]) for name in sorted(by_case)]
    return "\n".join([*lines, _line("all", chains)])


def _line(name: str, chains: Sequence[Chain]) -> str:
    hits = [kill.moment for chain in chains for kill in chain.kills if kill.hit]
    offences = [offence for chain in chains for offence in chain.offences]
    lost = sum("lost" in offence or "without an outcome" in offence for offence in offences)
    doubled = sum("doubled" in offence or "several" in offence for offence in offences)
    times = [chain.recovery for chain in chains if chain.recovery is not None]
    figures = [kills(chains), len(hits), len(set(hits)), lost, doubled, len(offences) - lost - doubled]
    figures.append(sum(chain.not_restarted for chain in chains))
    took = [f"{statistics.median(times):.0f} s", f"{max(times):.0f} s"] if times else ["", ""]
    return f"| {' | '.join([name, *map(str, figures), *took])} |"


def main() -> None:
    """Runs a campaign and prints its table; exit code 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="how many kills")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--commands", nargs="+", choices=CASES, default=list(CASES), help="of the part starts")
    parser.add_argument("--resume", action="store_true", help="go on after the chains of the last run with this seed")
    asked = parser.parse_args()
    # Told to stop, it still says what it has found.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    journals = {part: Journal(FOLDER / f"{part}-{asked.seed}.jsonl", resume=asked.resume) for part in asked.parts}
    whole = sum(PARTS[part] for part in asked.parts)
    with suppress(KeyboardInterrupt):
        for part, journal in journals.items():
            rounds = round(asked.rounds * PARTS[part] / whole)
            with TemporaryDirectory() as folder:
                if part == "starts":
                    chains = run_starts(Path(folder), asked.seed, rounds, journal.chains, asked.commands)
                else:
                    done = kills(journal.chains)
                    chains = batches.run(Path(folder), rounds - done, asked.seed + 1_000 * done, len(journal.chains))
                for chain in chains if kills(journal.chains) < rounds else ():
                    journal.add(chain)
                    _tell(part, chain, journal)
    every = [chain for journal in journals.values() for chain in journal.chains]
    count, offences = kills(every), [offence for chain in every for offence in chain.offences]
    hours = sum(chain.seconds for chain in every) / 3_600
    print(f"\nSeed {asked.seed}, {count} kills, {hours:.1f} hours\n\n{table(every)}\n")
    for offence in offences:
        print(f"- {offence}")
    if offences or not count:
        raise SystemExit(1)
    print(f"With no failure in {count} kills, the chance of one is below {3 / count:.1%} (95 %).")


def _tell(part: str, chain: Chain, journal: Journal) -> None:
    moments = ", ".join(f"{kill.moment} ({kill.victim}{'' if kill.hit else ', late'})" for kill in chain.kills)
    print(
        f"{time.strftime('%H:%M:%S')} {part} {kills(journal.chains)}: {chain.case}: {moments or 'no kill'}; "
        f"{chain.seconds:.0f} s, {len(chain.offences)} offences",
        flush=True,
    )
    for offence in chain.offences:
        print(f"  {offence}", flush=True)


if __name__ == "__main__":
    main()
