"""Ask each engine the same questions about films, and print how well it finds them."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import track
from rich.table import Table

from kernel.errors import BadSettings
from kernel.settings.command_line import command
from kernel.settings.table import INTEGER, PATH, TEXT, choice, setting
from services.search.text.fold import key
from tools.eval_search.corpus import make_corpus, read_films
from tools.eval_search.engines import LIMIT, Engine, Matinee, PgTrgm, PlainTantivy, SqliteFts
from tools.eval_search.queries import Question, make_questions

ENGINES = ("matinee", "tantivy", "fts5", "pg_trgm")


@dataclass(frozen=True)
class EvalSettings:
    """The settings of `python -m tools.eval_search`."""

    films: Path = setting(PATH, None, "JSON lines of films, gzipped or not.", required=True)
    titles: int = setting(INTEGER, "100000", "Titles in the index; made-up ones fill up the real ones.", least=100)
    questions: int = setting(INTEGER, "500", "Questions of each kind.", least=1, most=10_000)
    half: int = setting(INTEGER, "1", "The half of the films that is asked for: weights were chosen on half 0.", most=1)
    seed: int = setting(INTEGER, "7", "Seed of the random choices.")
    postgres: str | None = setting(TEXT, None, "postgresql:// URL for pg_trgm; not set: without it.")
    only: tuple[str, ...] = setting(choice(*ENGINES), None, "Engines to run; not set: all of them.", many=True)
    json: Path | None = setting(PATH, None, "Write the figures to this file.")


@dataclass(frozen=True, slots=True)
class Score:
    """Figures of one kind of question: `cpu_ms` of this process a query (a server's own is not in it)."""

    mrr: float
    recall: float
    cpu_ms: float
    cpu_p99_ms: float


def score_engine(engine: Engine, questions: Sequence[Question], titles: Mapping[str, str]) -> Score:
    """Ask an engine the questions of one kind; a film of the same name counts as the one that is meant.

    Zeros where there is no question: a file without casts has none of one kind.
    """
    if not questions:
        return Score(0.0, 0.0, 0.0, 0.0)
    ranks: list[float] = []
    costs: list[float] = []
    for question in questions:
        began = time.process_time()
        found = engine.find(question.text)
        costs.append((time.process_time() - began) * 1000)
        meant = key(question.film.title)
        ranks.append(next((1 / place for place, one in enumerate(found, 1) if key(titles[one]) == meant), 0.0))
    costs.sort()
    count = len(questions)
    return Score(
        sum(ranks) / count, sum(rank > 0 for rank in ranks) / count, sum(costs) / count, costs[count * 99 // 100]
    )


def run(settings: EvalSettings) -> int:
    """Print the table of all engines; returns the exit code."""
    if "pg_trgm" in settings.only and not settings.postgres:
        raise BadSettings("postgres", "must be set for the engine pg_trgm")
    console = Console()
    corpus = make_corpus(read_films(settings.films), settings.titles, settings.seed)
    questions = make_questions(corpus, settings.half, settings.questions, settings.seed)
    titles = {film.content_id: film.title for film in corpus}
    figures: dict[str, dict[str, Score]] = {}
    with tempfile.TemporaryDirectory() as name, asyncio.Runner() as runner:
        makers: dict[str, Callable[[], Engine]] = {
            "matinee": lambda: Matinee(corpus, Path(name)),
            "tantivy": lambda: PlainTantivy(corpus, Path(name)),
            "fts5": lambda: SqliteFts(corpus, Path(name)),
        }
        if settings.postgres:
            makers["pg_trgm"] = lambda: PgTrgm(corpus, _connect(settings.postgres or "", runner))
        for engine_name, make in makers.items():
            if settings.only and engine_name not in settings.only:
                continue
            engine = make()
            kinds = track(questions.items(), engine_name, console=console, transient=True)
            figures[engine_name] = {kind: score_engine(engine, asked, titles) for kind, asked in kinds}
    console.print(make_table(figures, settings))
    if settings.json:
        settings.json.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))
    return 0


def _connect(url: str, runner: asyncio.Runner) -> Callable[..., Any]:
    import asyncpg

    connection = runner.run(asyncpg.connect(url))

    def ask(sql: str, *parameters: Any) -> Any:
        if parameters and isinstance(parameters[0], list):
            return runner.run(connection.executemany(sql, parameters[0]))
        return runner.run(connection.fetch(sql, *parameters))

    return ask


def make_table(figures: Mapping[str, Mapping[str, Score]], settings: EvalSettings) -> Table:
    """The figures as a table: a row a kind of question, a column an engine."""
    table = Table(
        title=f"{settings.titles} titles, half {settings.half}: MRR@{LIMIT} / recall@{LIMIT}, ms of CPU a query"
    )
    table.add_column("question")
    for name in figures:
        table.add_column(name, justify="right")
    for kind in next(iter(figures.values()), {}):
        scores = (by_kind[kind] for by_kind in figures.values())
        table.add_row(kind, *(f"{one.mrr:.3f} / {one.recall:.3f}  {one.cpu_ms:.2f}" for one in scores))
    return table


def main() -> int:
    """Read the command line and run."""
    return command(
        EvalSettings,
        run,
        sys.argv[1:],
        prog="python -m tools.eval_search",
        summary=__doc__ or "",
        env=os.environ,
        read_text=lambda name: Path(name).read_text(encoding="utf-8"),
        say=lambda text, is_error: print(text, file=sys.stderr if is_error else sys.stdout, flush=True),
    )


if __name__ == "__main__":
    sys.exit(main())
